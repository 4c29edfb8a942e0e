"""What ctypes holds: simple values as their repr, ``c_int(5)``; structures, unions, arrays and pointers by what is in them.

``CDataObject`` and ``CFieldObject`` of Modules/_ctypes/ctypes.h; what memory means is told by the class: ``_type_``, ``_length_``, ``_fields_``.
A pointer is followed once, to what it points to.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..memory import MemoryFault
from .instances import print_instance
from .limits import Damaged
from .printer import Handler, Printer
from .text import code_points, quote_unicode_2
from .type_info import TypeInfo

_MOST_FIELDS = 200
_DEEPEST = 4
# ``_type_`` of simple classes to codes of the struct module; those of C's long and of pointers depend on the machine.
_NUMBERS = {"b": "b", "B": "B", "h": "h", "H": "H", "i": "i", "I": "I", "q": "q", "Q": "Q", "f": "f", "d": "d", "?": "?"}
_ADDRESSES = "PzZ"


class Kind(NamedTuple):
    """What a class says of the memory of its instances: ``simple`` with its letter, ``array`` of ``length`` items of the class ``item``,
    ``pointer`` to the class ``item``, or ``fields`` (structures and unions)."""

    name: str
    letter: str = ""
    item: int = 0
    length: int = 0


def _kind(printer: Printer, cls: TypeInfo) -> Optional[Kind]:
    values = printer.values
    names = cls.mro_names
    inner = values.types.type_attribute(cls, "_type_") or 0
    if "_ctypes._SimpleCData" in names:
        return Kind("simple", values.str_value(inner, 4))
    if "_ctypes.Array" in names:
        return Kind("array", item=inner, length=values.long_value(values.types.type_attribute(cls, "_length_") or 0, 64))
    if "_ctypes._Pointer" in names:
        return Kind("pointer", item=inner)
    return Kind("fields") if "_ctypes.Structure" in names or "_ctypes.Union" in names else None


def _size(printer: Printer, cls: int) -> int:
    """``sizeof`` of a class that is an array's item."""
    access = printer.values.access
    kind = _kind(printer, printer.values.type_info(cls))
    if kind is None:
        raise Damaged(cls, "no class of ctypes")
    if kind.name == "simple":
        return 4 if kind.letter == "u" else struct.calcsize(_code(printer, kind.letter))
    if kind.name == "array":
        return kind.length * _size(printer, kind.item)
    if kind.name == "pointer":
        return access.pointer_size
    raise Damaged(cls, "a structure's size is not read")


def _code(printer: Printer, letter: str) -> str:
    """For the struct module, with the order of bytes and without padding."""
    size = printer.values.access.pointer_size
    if letter in "lL" or letter in _ADDRESSES or letter == "O":
        code = "q" if size == 8 else "i"
        return "=" + (code if letter == "l" else code.upper())
    if letter == "c":
        return "=c"
    if letter not in _NUMBERS:
        raise Damaged(0, "ctypes value of type %r" % letter)
    return "=" + _NUMBERS[letter]


def _order(printer: Printer, cls: int) -> str:
    """The order of bytes of a simple class: the other one where it is its own ``__ctype_be__`` on a little machine, or the reverse."""
    little = printer.values.access.reader.byte_order == "little"
    other = printer.values.types.own_attribute(cls, "__ctype_be__" if little else "__ctype_le__")
    return "<" if little != (other == cls) else ">"


def _write_simple(printer: Printer, cls: int, letter: str, at: int) -> None:
    reader, old = printer.values.access.reader, printer.values.access.version[0] == 2
    if letter == "u":
        try:
            found = code_points(reader.read(at, 4), 4, reader.byte_order)
        except ValueError:
            raise Damaged(at, "code point above 0x10ffff") from None
        printer.write(quote_unicode_2(found) if old else repr(found))
        return
    code = _order(printer, cls) + _code(printer, letter)[1:]
    value = struct.unpack(code, reader.read(at, struct.calcsize(code)))[0]
    if letter == "O":
        if value:
            printer.value(value)
        else:
            printer.write("<NULL>")
    elif letter in _ADDRESSES:
        printer.write("0x%x" % value if value else "None")
    else:
        printer.write(repr(value)[1:] if old and letter == "c" else repr(value) + ("L" if old and letter in "ILqQ" else ""))


def _write(printer: Printer, cls: int, at: int, depth: int) -> None:
    """The value of class ``cls`` at ``at``, inside another one."""
    info = printer.values.type_info(cls)
    kind = _kind(printer, info)
    if kind is None:
        printer.write("0x%x" % printer.values.access.reader.pointer(at))
    elif kind.name == "simple":
        _write_simple(printer, cls, kind.letter, at)
    elif kind.name == "pointer":
        target = printer.values.access.reader.pointer(at)
        printer.write("0x%x" % target if target else "NULL")
    elif depth >= _DEEPEST:
        printer.cut()
    elif kind.name == "array":
        _write_array(printer, kind, at, depth)
    else:
        _write_fields(printer, info, at, depth)


def _write_array(printer: Printer, kind: Kind, at: int, depth: int) -> None:
    if not 0 <= kind.length < 1 << 40:
        raise Damaged(at, "array of %d items" % kind.length)
    item = _kind(printer, printer.values.type_info(kind.item))
    if item is not None and item.name == "simple" and item.letter == "c":
        shown = min(kind.length, printer.limits.string)
        text = repr(printer.values.access.reader.read(at, shown))
        printer.write(text[1:] if printer.values.access.version[0] == 2 else text)
        if shown < kind.length:
            printer.cut()
        return
    size = _size(printer, kind.item)
    printer.write("[")
    printer.items(range(at, at + kind.length * size, size), kind.length, lambda place: _write_guarded(printer, kind.item, place, depth + 1))
    printer.write("]")


def _write_fields(printer: Printer, info: TypeInfo, at: int, depth: int) -> None:
    printer.write("{")
    for count, (name, cls, offset) in enumerate(_fields(printer, info)):
        if count:
            printer.write(", ")
        if count >= printer.limits.items or printer.full:
            printer.cut()
            break
        printer.write(name + ": ")
        if offset is None:
            printer.write("<bits>")
        else:
            _write_guarded(printer, cls, at + offset, depth + 1)
    printer.write("}")


def _write_guarded(printer: Printer, cls: int, at: int, depth: int) -> None:
    """A part that cannot be read is a hole, and the others are told."""
    try:
        _write(printer, cls, at, depth)
    except MemoryFault as fault:
        printer.write("<unreadable 0x%x: %s>" % (at, fault.why))


def _fields(printer: Printer, info: TypeInfo) -> Iterator[Tuple[str, int, Optional[int]]]:
    """(name, class, offset in bytes) of each field, the bases' first; the offset is None for a bit field."""
    values = printer.values
    for cls in reversed(info.mro_addresses):
        for entry in _entries(printer, cls):
            parts = values.tuple_items(entry, 3)
            if len(parts) < 2:
                raise Damaged(entry, "a field of %d parts" % len(parts))
            name = values.str_value(parts[0], 200)
            place = values.types.own_attribute(cls, name) or 0
            if values.type_name(place) not in ("_ctypes.CField", "CField"):
                raise Damaged(place, "no field of ctypes")
            yield name, parts[1], None if len(parts) > 2 else values.access.ssize(place, "CFieldObject", "offset")


def _entries(printer: Printer, cls: int) -> List[int]:
    found = printer.values.types.own_attribute(cls, "_fields_")
    if not found:
        return []
    values = printer.values
    return values.list_items(found, _MOST_FIELDS) if values.type_name(found) == "list" else values.tuple_items(found, _MOST_FIELDS)


def _print_simple(printer: Printer, address: int, info: TypeInfo) -> None:
    """``c_int(5)`` for a class right below ``_SimpleCData``, whose repr this is; one further down would not tell its value."""
    access = printer.values.access
    kind = _kind(printer, info)
    at = access.pointer(address, "CDataObject", "b_ptr")
    own = len(info.mro_names) > 1 and info.mro_names[1] == "_ctypes._SimpleCData"
    start, end = (info.name + "(", ")") if own else ("<%s object at 0x%x> {value: " % (info.full_name, address), "}")
    letter = kind.letter if kind is not None else ""
    if own and letter in _ADDRESSES and letter:
        target = access.reader.pointer(at)
        printer.write("%s%s)" % (start, target or None))
        return
    printer.write(start)
    _write_simple(printer, info.address, letter, at)
    printer.write(end)


def _print_aggregate(printer: Printer, address: int, info: TypeInfo) -> None:
    """``<module.Point object at 0x…> {x: 1, y: 2}``, ``<module.c_int_Array_2 object at 0x…> [1, 2]``."""
    kind = _kind(printer, info)
    if kind is None or printer.at_the_bottom:
        print_instance(printer, address, info)
        return
    printer.write("<%s object at 0x%x> " % (info.full_name, address))
    at = printer.values.access.pointer(address, "CDataObject", "b_ptr")
    if not printer.enter(address):
        return
    try:
        if kind.name == "pointer":
            _write_target(printer, kind.item, at)
        elif kind.name == "array":
            _write_array(printer, kind, at, 0)
        else:
            _write_fields(printer, info, at, 0)
    except MemoryFault as fault:
        printer.write("<unreadable 0x%x: %s>" % (at, fault.why))
    finally:
        printer.leave(address)


def _write_target(printer: Printer, cls: int, at: int) -> None:
    target = printer.values.access.reader.pointer(at)
    if not target:
        printer.write("-> NULL")
        return
    printer.write("-> 0x%x: " % target)
    _write_guarded(printer, cls, target, 0)


HANDLERS: Dict[str, Handler] = {
    "_ctypes._SimpleCData": _print_simple,
    "_ctypes.Structure": _print_aggregate,
    "_ctypes.Union": _print_aggregate,
    "_ctypes.Array": _print_aggregate,
    "_ctypes._Pointer": _print_aggregate,
}

# Of Lib/ctypes/__init__.py: they show what the C one would, or the address.
FUNCTIONS: Dict[str, Handler] = {"ctypes.%s.__repr__" % name: _print_simple for name in ("py_object", "c_char_p", "c_wchar_p")}
