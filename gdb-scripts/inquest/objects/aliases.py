"""Type expressions: ``list[int]``, ``int | None`` (Objects/genericaliasobject.c, unionobject.c)."""

from __future__ import annotations

from typing import Dict

from .printer import Handler, Printer
from .type_info import TypeInfo


def _write_name(printer: Printer, address: int) -> None:
    """A type by its name, ``...`` for Ellipsis, anything else by its repr."""
    info = printer.values.type_of(address)
    if info.full_name == "ellipsis":
        printer.write("...")
    elif "builtins.type" in info.mro_names:
        printer.write(printer.values.type_info(address).full_name)
    else:
        printer.value(address)


def _print_generic(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    origin = access.pointer(address, "gaobject", "origin")
    arguments = printer.values.tuple_items(access.pointer(address, "gaobject", "args"), printer.limits.items)

    def write_items() -> None:
        if arguments:
            printer.items(arguments, write=lambda item: _write_name(printer, item))
        else:
            printer.write("()")

    _write_name(printer, origin)
    printer.container(address, "[", "]", write_items)


def _print_union(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    for count, item in enumerate(printer.values.tuple_items(access.pointer(address, "unionobject", "args"), printer.limits.items)):
        if count:
            printer.write(" | ")
        known = printer.values.type_info(item).full_name if "builtins.type" in printer.values.type_of(item).mro_names else ""
        if known == "NoneType":
            printer.write("None")
        else:
            _write_name(printer, item)


def _print_super(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    start, bound = access.pointer(address, "super", "type"), access.pointer(address, "super", "obj_type")
    name = printer.values.type_info(start).name if start else "NULL"
    printer.write("<super: <class '%s'>, %s>" % (name, "<%s object>" % printer.values.type_info(bound).name if bound else "NULL"))


HANDLERS: Dict[str, Handler] = {
    "types.GenericAlias": _print_generic,
    "types.UnionType": _print_union,
    "typing.Union": _print_union,
    "builtins.super": _print_super,
}
