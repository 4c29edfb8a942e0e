"""Type expressions: ``list[int]``, ``int | None`` (Objects/genericaliasobject.c, unionobject.c)."""

from __future__ import annotations

from typing import Dict

from .modules import optional_text
from .printer import Handler, Printer
from .type_info import TypeInfo

# What stands for any parameters in a Callable.
_PARAMETERS = ("ellipsis", "ParamSpec", "_ConcatenateGenericAlias")


def write_type_name(printer: Printer, address: int) -> None:
    """A type by its name, ``...`` for Ellipsis, a function by its name, in later versions a list of such things in brackets, anything
    else by its repr."""
    values = printer.values
    info = values.type_of(address)
    if info.full_name == "ellipsis":
        printer.write("...")
    elif "builtins.type" in info.mro_names and info.full_name != "typing._AnyMeta":
        found = values.type_info(address)
        printer.write(found.qualname if found.module == "builtins" else found.full_name)
    elif (info.full_name == "list" and values.access.version >= (3, 12)) or (info.full_name == "tuple" and values.access.version >= (3, 11)):
        items = (values.list_items if info.full_name == "list" else values.tuple_items)(address, printer.limits.items)
        printer.container(address, "[", "]", lambda: _ignore(printer.items(items, write=lambda item: write_type_name(printer, item))))
    elif info.full_name == "function":
        printer.write(_function_name(printer, address))
    else:
        printer.value(address)


def _ignore(count: int) -> None:
    return None


def _function_name(printer: Printer, address: int) -> str:
    values, access = printer.values, printer.values.access
    module = optional_text(printer, access.pointer(address, "PyFunctionObject", "func_module"))
    name = values.str_value(access.pointer(address, "PyFunctionObject", "func_qualname"), 500)
    return name if module in (None, "builtins") else "%s.%s" % (module, name)


def _print_generic(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    origin = access.pointer(address, "gaobject", "origin")
    arguments = printer.values.tuple_items(access.pointer(address, "gaobject", "args"), printer.limits.items)

    def write_items() -> None:
        if arguments:
            printer.items(arguments, write=lambda item: write_type_name(printer, item))
        else:
            printer.write("()")

    if access.version >= (3, 11) and access.uint(address, "gaobject", "starred"):
        printer.write("*")
    write_type_name(printer, origin)
    printer.container(address, "[", "]", write_items)


def _print_callable(printer: Printer, address: int, info: TypeInfo) -> None:
    """``collections.abc.Callable[[int], str]``; ``...`` and parameter specifications stand without the inner brackets."""
    access = printer.values.access
    arguments = printer.values.tuple_items(access.pointer(address, "gaobject", "args"), printer.limits.items)
    if len(arguments) < 1 or (len(arguments) == 2 and printer.values.type_of(arguments[0]).name in _PARAMETERS):
        _print_generic(printer, address, info)
        return

    def write_items() -> None:
        printer.write("[")
        printer.items(arguments[:-1], write=lambda item: write_type_name(printer, item))
        printer.write("], ")
        write_type_name(printer, arguments[-1])

    printer.container(address, "collections.abc.Callable[", "]", write_items)


def _print_union(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    for count, item in enumerate(printer.values.tuple_items(access.pointer(address, "unionobject", "args"), printer.limits.items)):
        if count:
            printer.write(" | ")
        known = printer.values.type_info(item).full_name if "builtins.type" in printer.values.type_of(item).mro_names else ""
        if known == "NoneType":
            printer.write("None")
        else:
            write_type_name(printer, item)


def _print_super(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    start, bound = access.pointer(address, "super", "type"), access.pointer(address, "super", "obj_type")
    name = printer.values.type_info(start).name if start else "NULL"
    printer.write("<super: <class '%s'>, %s>" % (name, "<%s object>" % printer.values.type_info(bound).name if bound else "NULL"))


HANDLERS: Dict[str, Handler] = {
    "types.GenericAlias": _print_generic,
    "collections.abc._CallableGenericAlias": _print_callable,
    "types.UnionType": _print_union,
    "typing.Union": _print_union,
    "builtins.super": _print_super,
}
