"""Tuples with names: ``collections.namedtuple`` and C's struct sequences (Objects/structseq.c), in 2.7 no subclass of
tuple but laid out as one."""

from __future__ import annotations

from ..memory import MemoryFault
from .printer import Printer
from .sequences import read_tuple
from .type_info import TypeInfo


def print_structured(printer: Printer, address: int, info: TypeInfo) -> bool:
    """Prints ``Name(field=value, …)``; False when the type is a plain subclass of tuple."""
    values = printer.values
    names = []
    try:
        if "builtins.tuple" not in info.mro_names and values.types.type_attribute(info, "n_sequence_fields") is None:
            return False
        found, size = read_tuple(values.access, address, printer.limits.items)
        fields = values.types.type_attribute(info, "_fields")
        if fields is not None and values.type_of(fields).full_name == "tuple":
            names = [values.str_value(field, 200) for field in values.tuple_items(fields, printer.limits.items)]
            title = info.name
        else:
            names = _member_names(printer, info, len(found))
            title = info.c_name
    except MemoryFault:
        return False
    if len(names) < len(found) or not names:
        return False

    def write_items() -> None:
        printer.named(zip(names, found))
        if size > len(found):
            printer.write(", ")
            printer.cut()

    printer.call(title, address, write_items)
    return True


def _member_names(printer: Printer, info: TypeInfo, count: int) -> list:
    """``tp_members[].name`` of a struct sequence: one for each item that has a name."""
    access = printer.values.access
    members = access.pointer(info.address, "PyTypeObject", "tp_members")
    step = access.size("PyMemberDef")
    names = []
    for index in range(count if members else 0):
        name = access.pointer(members + index * step, "PyMemberDef", "name")
        if not name:
            break
        names.append(access.reader.cstring(name, 200).decode("ascii", "replace"))
    return names
