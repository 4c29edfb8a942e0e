"""Whether a layout that a file tells can be the interpreter's.

An extension's DWARF defines what the headers it was built with do: ``PyThreadState`` by the public ones, ``_PyRuntimeState`` too where it
was built with CPython itself, and rarely the frames. Where the interpreter's own file was not sent, that is all the DWARF there is.
"""

from __future__ import annotations

from typing import Sequence, Tuple

from .model import Layouts


def inside(version: Sequence[int]) -> Tuple[str, ...]:
    """The structs without which no stack is read, in that version."""
    frame = ("_PyInterpreterFrame",) if tuple(version[:2]) >= (3, 11) else ("PyFrameObject",) if version[0] >= 2 else ()
    return ("PyThreadState", "PyInterpreterState", "PyCodeObject") + frame


def reads_stacks(layouts: Layouts) -> bool:
    return all(layouts.has(name) for name in inside(layouts.version))


def plausible(layouts: Layouts) -> bool:
    """No struct above a megabyte, no field outside its struct."""
    return all(
        struct.size <= 1 << 20 and all(0 <= field.offset and field.offset + field.size <= struct.size for field in struct.fields.values())
        for struct in layouts.structs.values()
    )
