"""Whether a layout that a file tells can be the interpreter's.

An extension's DWARF defines what the headers it was built with do: ``PyThreadState`` by the public ones, ``_PyRuntimeState`` too where it
was built with CPython itself, the frames here and there (``_ctypes`` of 3.9 and 3.10), and rarely the strings or the inside of a dict.
Where the interpreter's own file was not sent, that is all the DWARF there is.
"""

from __future__ import annotations

from typing import Sequence, Tuple

from .model import Layouts

_ALWAYS = ("PyThreadState", "PyInterpreterState", "PyCodeObject", "PyFunctionObject")


def inside(version: Sequence[int]) -> Tuple[str, ...]:
    """The structs without which no stack, name or local variable is read, in that version."""
    if version[0] < 3:
        return _ALWAYS + (("PyFrameObject", "PyStringObject") if version[0] == 2 else ())
    frame = "_PyInterpreterFrame" if tuple(version[:2]) >= (3, 11) else "PyFrameObject"
    return _ALWAYS + (frame, "PyCompactUnicodeObject", "PyDictKeysObject")


def reads_stacks(layouts: Layouts) -> bool:
    return all(layouts.has(name) for name in inside(layouts.version))


def plausible(layouts: Layouts) -> bool:
    """No struct above a megabyte, no field outside its struct."""
    return all(
        struct.size <= 1 << 20 and all(0 <= field.offset and field.offset + field.size <= struct.size for field in struct.fields.values())
        for struct in layouts.structs.values()
    )
