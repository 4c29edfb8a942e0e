"""C's struct sequences (Objects/structseq.c), tuples with names: ``time.struct_time(tm_year=1970, …)``."""

from __future__ import annotations

from typing import List

from ..memory import MemoryFault
from .printer import Printer
from .sequences import read_tuple
from .type_info import TypeInfo


def print_structured(printer: Printer, address: int, info: TypeInfo) -> None:
    """``Name(field=value, …)`` of the visible items; without the names where the file that holds them is missing."""
    found, size = read_tuple(printer.values.access, address, printer.limits.items)
    names = _member_names(printer, info, len(found))

    def write_items() -> None:
        if len(names) < len(found):
            printer.items(found, size)
            return
        printer.named(zip(names, found))
        if size > len(found):
            printer.write(", ")
            printer.cut()

    printer.call(info.c_name, address, write_items)


def _member_names(printer: Printer, info: TypeInfo, count: int) -> List[str]:
    """``tp_members[].name``: one for each item that has a name."""
    access = printer.values.access
    names: List[str] = []
    try:
        members = access.pointer(info.address, "PyTypeObject", "tp_members")
        step = access.size("PyMemberDef")
        for index in range(count if members else 0):
            name = access.pointer(members + index * step, "PyMemberDef", "name")
            if not name:
                break
            names.append(access.reader.cstring(name, 200).decode("ascii", "replace"))
    except MemoryFault:
        return []
    return names
