"""cffi's C data, as its own repr tells it: ``<cdata 'int *' 0x…>``, ``<cdata 'long' -7>``, ``<cdata 'char[]' owning 4 bytes>``.

``CDataObject`` and ``CTypeDescrObject`` of cffi's c/_cffi_backend.c, which cffi 2.0 made longer before the name; the name tells which it is.
"""

from __future__ import annotations

import struct
from typing import Dict, NamedTuple, Optional

from ..memory import MemoryFault
from .limits import Damaged
from .printer import Handler, Printer
from .text import code_points
from .type_info import TypeInfo

_LONGEST_NAME = 400
_MOST_ENUMERATORS = 1000

# ct_flags.
_SIGNED, _UNSIGNED, _CHAR, _FLOAT, _POINTER, _ARRAY = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_RECORD, _FUNCTION, _COMPLEX = 0xC0, 0x100, 0x400
_ENUM, _LONG_DOUBLE, _BOOL, _VOID_POINTER = 0x8000, 0x40000, 0x80000, 0x200000
_OPEN_ENDED = 0x400000
# The same in ct_flags_mut of 2.0.
_OPEN_ENDED_2 = 2
_PRIMITIVE = _SIGNED | _UNSIGNED | _CHAR | _FLOAT | _COMPLEX


class CType(NamedTuple):
    """``CTypeDescrObject *``. ``size`` and ``length`` are -1 where they are not known; ``open_ended``: its instances may be longer."""

    name: str
    item: int
    stuff: int
    size: int
    length: int
    flags: int
    open_ended: bool


def _ctype(printer: Printer, address: int) -> CType:
    values = printer.values
    access, reader = values.access, values.access.reader
    if "_cffi_backend.CType" not in values.type_of(address).mro_names:
        raise Damaged(address, "no type of cffi")
    flags = access.uint(address, "CTypeDescrObject", "ct_flags")
    after = address + access.offset("CTypeDescrObject", "ct_next")
    name = _name(printer, after + 4)
    open_ended = bool(flags & _OPEN_ENDED)
    if name is None:
        name = _name(printer, after + 12)
        open_ended = bool(reader.uint(after, 4) & _OPEN_ENDED_2)
    if name is None:
        raise Damaged(address, "a type of cffi without a name")
    return CType(
        name,
        access.pointer(address, "CTypeDescrObject", "ct_itemdescr"),
        access.pointer(address, "CTypeDescrObject", "ct_stuff"),
        access.ssize(address, "CTypeDescrObject", "ct_size"),
        access.ssize(address, "CTypeDescrObject", "ct_length"),
        flags,
        open_ended,
    )


def _name(printer: Printer, at: int) -> Optional[str]:
    """A C string of printable ASCII; None for anything else, and for an empty one."""
    found = printer.values.access.reader.cstring(at, _LONGEST_NAME)
    return found.decode("ascii") if found and all(0x20 <= byte < 0x7F for byte in found) else None


def _primitive(printer: Printer, kind: CType, data: int) -> Optional[str]:
    """The value of a number or character, None where it is not read."""
    reader = printer.values.access.reader
    if kind.flags & (_LONG_DOUBLE | _COMPLEX) or not 1 <= kind.size <= 8:
        return None
    if kind.flags & _FLOAT:
        code = {4: "f", 8: "d"}.get(kind.size)
        order = "<" if reader.byte_order == "little" else ">"
        return repr(struct.unpack(order + code, reader.read(data, kind.size))[0]) if code else None
    if kind.flags & _CHAR:
        raw = reader.read(data, kind.size)
        try:
            return repr(raw if kind.size == 1 else code_points(raw, kind.size, reader.byte_order))
        except ValueError:
            raise Damaged(data, "code point above 0x10ffff") from None
    value = (reader.sint if kind.flags & _SIGNED else reader.uint)(data, kind.size)
    if kind.flags & _ENUM:
        return _enumerator(printer, kind, value)
    return repr(bool(value)) if kind.flags & _BOOL else "%d" % value


def _enumerator(printer: Printer, kind: CType, value: int) -> str:
    """``1: BLUE``: ``ct_stuff`` is a tuple of the dicts by name and by value."""
    values = printer.values
    for key, name in values.dict_items(values.tuple_items(kind.stuff, 2)[1], _MOST_ENUMERATORS):
        if values.long_value(key, 64) == value:
            return "%d: %s" % (value, values.str_value(name, 200))
    return "%d" % value


def _print_data(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    kind = _ctype(printer, access.pointer(address, "CData", "c_type"))
    data = access.pointer(address, "CData", "c_data")
    if kind.flags & _PRIMITIVE:
        shown = _primitive(printer, kind, data)
        text = shown if shown is not None else "at 0x%x" % data
    elif kind.flags & _ARRAY and kind.length < 0:
        text = "sliced length %d" % access.ssize(address, "CData", "length")
    else:
        text = "0x%x" % data if data else "NULL"
    printer.write("<cdata '%s%s' %s>" % (kind.name, " &" if kind.flags & _RECORD else "", text))


def _print_owning(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    kind = _ctype(printer, access.pointer(address, "CData", "c_type"))
    if kind.flags & _VOID_POINTER:
        # A handle: the object behind the head is what it stands for.
        printer.write("<cdata '%s' handle to " % kind.name)
        printer.value(access.pointer(address, "CData", "length"))
        printer.write(">")
        return
    if kind.flags & _FUNCTION:
        _print_callback(printer, address, info, kind)
        return
    item = _ctype(printer, kind.item) if kind.item else kind
    if kind.open_ended or item.open_ended:
        printer.write("<cdata '%s' owning its bytes>" % kind.name)
        return
    size = kind.size
    if kind.flags & _POINTER:
        size = item.size
    elif kind.flags & _ARRAY:
        size = item.size * (kind.length if kind.length >= 0 else access.ssize(address, "CData", "length"))
    printer.write("<cdata '%s' owning %d bytes>" % (kind.name, size))


def _print_callback(printer: Printer, address: int, info: TypeInfo, kind: CType) -> None:
    """``<cdata 'int(*)(int)' calling <function f at 0x…>>``. ``CDataObject_closure`` has libffi's closure where others have the length, and that
    has a tuple of the type and the function behind its trampoline, whose size changed with libffi 3.4."""
    values = printer.values
    size = values.access.pointer_size
    closure = values.access.pointer(address, "CData", "length")
    for trampoline in (4 * size, 3 * size):
        try:
            called = values.tuple_items(values.access.reader.pointer(closure + trampoline + 2 * size), 2)
            if len(called) == 2 and _ctype(printer, called[0]).name:
                break
        except MemoryFault:
            continue
    else:
        _print_data(printer, address, info)
        return
    printer.write("<cdata '%s' calling " % kind.name)
    printer.value(called[1])
    printer.write(">")


def _print_from_buffer(printer: Printer, address: int, info: TypeInfo) -> None:
    """``CDataObject_frombuf *``: behind the length is a ``Py_buffer *``."""
    access = printer.values.access
    kind = _ctype(printer, access.pointer(address, "CData", "c_type"))
    owner = access.pointer(access.pointer(address, "CData", "origin"), "Py_buffer", "obj")
    name = printer.values.type_of(owner).c_name if owner else "(null)"
    printer.write("<cdata '%s' buffer len %d from '%s' object>" % (kind.name, access.ssize(address, "CData", "length"), name))


def _print_ctype(printer: Printer, address: int, info: TypeInfo) -> None:
    printer.write("<ctype '%s'>" % _ctype(printer, address).name)


HANDLERS: Dict[str, Handler] = {
    "_cffi_backend.CType": _print_ctype,
    "_cffi_backend._CDataBase": _print_data,
    "_cffi_backend.__CDataGCP": _print_data,
    "_cffi_backend.__CDataOwn": _print_owning,
    "_cffi_backend.__CDataOwnGC": _print_owning,
    "_cffi_backend.__CDataFromBuf": _print_from_buffer,
}
