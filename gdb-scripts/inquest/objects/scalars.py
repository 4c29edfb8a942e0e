"""Reprs of texts, numbers and singletons."""

from __future__ import annotations

from typing import Dict

from . import text
from .limits import Damaged
from .numbers import read_complex, read_float
from .printer import Handler, Printer
from .type_info import LONG_SUBCLASS, TypeInfo


def _constant(written: str) -> Handler:
    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        printer.write(written)

    return handler


def print_str(printer: Printer, address: int, info: TypeInfo) -> None:
    limit = printer.limits.string
    found, length = printer.values.read_text(address, limit)
    printer.write(text.quote_unicode_2(found) if printer.values.access.version[0] == 2 else repr(found))
    if length > limit:
        printer.cut()


def print_bytes(printer: Printer, address: int, info: TypeInfo) -> None:
    limit = printer.limits.string
    found, length = text.read_bytes(printer.values.access, address, limit)
    printer.write(repr(found)[1:] if printer.values.access.version[0] == 2 else repr(found))
    if length > limit:
        printer.cut()


def _print_bytearray(printer: Printer, address: int, info: TypeInfo) -> None:
    limit = printer.limits.string
    found, length = text.read_bytearray(printer.values.access, address, limit)
    name = info.name if printer.values.access.version >= (3, 7) else "bytearray"
    quoted = repr(found)
    # Up to 3.14 Objects/bytearrayobject.c escapes the single quote between double ones too.
    escapes = quoted[1] == '"' and printer.values.access.version < (3, 15)
    printer.write("%s(%s" % (name, quoted.replace("'", "\\'") if escapes else quoted))
    if length > limit:
        printer.cut()
    printer.write(")")


def print_int(printer: Printer, address: int, info: TypeInfo) -> None:
    value, bits = printer.values.read_int(address, printer.limits.int_bits)
    if value is None:
        printer.truncated = True
        printer.write("<int of %d bits>" % bits)
        return
    digits = str(value)
    if len(digits) > printer.limits.string:
        printer.write(digits[: printer.limits.string])
        printer.cut()
    else:
        printer.write(digits)
    if info.flags & LONG_SUBCLASS and printer.values.access.version[0] == 2:
        printer.write("L")


def _print_bool(printer: Printer, address: int, info: TypeInfo) -> None:
    value, _ = printer.values.read_int(address, 64)
    if value not in (0, 1):
        raise Damaged(address, "bool of %s" % value)
    printer.write("True" if value else "False")


def _print_float(printer: Printer, address: int, info: TypeInfo) -> None:
    printer.write(repr(read_float(printer.values.access, address)))


def _print_complex(printer: Printer, address: int, info: TypeInfo) -> None:
    printer.write(repr(read_complex(printer.values.access, address)))


def _print_str_or_2(printer: Printer, address: int, info: TypeInfo) -> None:
    (print_bytes if printer.values.access.version[0] == 2 else print_str)(printer, address, info)


HANDLERS: Dict[str, Handler] = {
    "builtins.str": _print_str_or_2,
    "builtins.unicode": print_str,
    "builtins.bytes": print_bytes,
    "builtins.bytearray": _print_bytearray,
    "builtins.int": print_int,
    "builtins.long": print_int,
    "builtins.bool": _print_bool,
    "builtins.float": _print_float,
    "builtins.complex": _print_complex,
    "builtins.NoneType": _constant("None"),
    "builtins.ellipsis": _constant("Ellipsis"),
    "builtins.NotImplementedType": _constant("NotImplemented"),
}
