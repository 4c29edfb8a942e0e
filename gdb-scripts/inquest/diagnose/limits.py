"""Limits in force when the process died."""

from __future__ import annotations

from typing import Any, Optional

_PLACES = (
    ("PyInterpreterState", "ceval.recursion_limit"),
    ("_PyRuntimeState", "ceval.recursion_limit"),
)


def recursion_limit(context: Any) -> Optional[int]:
    """``sys.getrecursionlimit()``: in the interpreter from 3.9, in the runtime before, in a static variable up to 3.6."""
    image = context.image
    for struct, name in _PLACES:
        address = context.runtime.main.address if struct == "PyInterpreterState" else context.runtime.address
        if address and image.layouts.has(struct, name):
            return image.optional_integer(address, struct, name)
    address = context.symbol("_Py_CheckRecursionLimit")
    return image.reader.sint(address, 4) if address else None
