"""Callables and iterators that are made of others: functools.partial, operator.itemgetter and its likes, itertools.count and repeat.

Modules/_functoolsmodule.c, _operator.c, itertoolsmodule.c. 2.7 shows most of them by address alone; here they look as in later versions.
"""

from __future__ import annotations

from typing import Dict, List

from .printer import Handler, Printer
from .type_info import TypeInfo


def _keywords(printer: Printer, address: int) -> Dict[str, int]:
    """The items of a dict of str keys, none when it is NULL or another object."""
    values = printer.values
    if not address or values.type_of(address).full_name != "dict":
        return {}
    return {values.str_value(key, 200): value for key, value in values.dict_items(address, printer.limits.items)}


def _write_arguments(printer: Printer, positional: List[int], keywords: Dict[str, int]) -> None:
    printer.items(positional)
    if keywords:
        if positional:
            printer.write(", ")
        printer.named(keywords.items())


def _print_partial(printer: Printer, address: int, info: TypeInfo) -> None:
    """``partialobject *``; up to 3.12 a subclass is named without its module."""
    access = printer.values.access
    function = access.pointer(address, "partialobject", "fn")
    arguments = printer.values.tuple_items(access.pointer(address, "partialobject", "args"), printer.limits.items)
    keywords = _keywords(printer, access.pointer(address, "partialobject", "kw"))
    name = info.name if (3,) <= access.version < (3, 13) and info.full_name != "functools.partial" else info.full_name
    printer.call(name, address, lambda: _write_arguments(printer, [function, *arguments], keywords), "...")


def _print_item_getter(printer: Printer, address: int, info: TypeInfo) -> None:
    """``itemgetterobject *``: one item itself, several as a tuple."""
    access = printer.values.access
    item = access.pointer(address, "itemgetterobject", "item")
    items = [item] if access.ssize(address, "itemgetterobject", "nitems") == 1 else printer.values.tuple_items(item, printer.limits.items)
    printer.call(info.full_name, address, lambda: _write_arguments(printer, items, {}), info.full_name + "(...)")


def _print_attribute_getter(printer: Printer, address: int, info: TypeInfo) -> None:
    """``attrgetterobject *``: a tuple of names, in which a dotted one is a tuple of its parts; in 2.7 a single name by itself."""
    values, access = printer.values, printer.values.access
    attribute = access.pointer(address, "attrgetterobject", "attr")
    alone = access.version[0] == 2 and access.ssize(address, "attrgetterobject", "nattrs") == 1
    names = []
    for item in [attribute] if alone else values.tuple_items(attribute, printer.limits.items):
        parts = values.tuple_items(item, 100) if values.type_of(item).full_name == "tuple" else [item]
        names.append(repr(".".join(values.str_value(part, 200) for part in parts)))
    printer.write("%s(%s)" % (info.full_name, ", ".join(names)))


def _print_method_caller(printer: Printer, address: int, info: TypeInfo) -> None:
    """``methodcallerobject *``; in 3.13 the name is among the arguments too."""
    values, access = printer.values, printer.values.access
    name = access.pointer(address, "methodcallerobject", "name")
    arguments = values.tuple_items(access.pointer(address, "methodcallerobject", "args"), printer.limits.items)
    if access.version == (3, 13):
        arguments = arguments[1:]
    keywords = _keywords(printer, access.pointer(address, "methodcallerobject", "kwds"))
    printer.call(info.full_name, address, lambda: _write_arguments(printer, [name, *arguments], keywords), info.full_name + "(...)")


def _print_count(printer: Printer, address: int, info: TypeInfo) -> None:
    """``countobject *``: a C count while it is small, else an object; the step is told when it is not 1."""
    values, access = printer.values, printer.values.access
    step = access.pointer(address, "countobject", "long_step")
    now = access.pointer(address, "countobject", "long_cnt")
    plain = "int" in values.type_of(step).mro_names[0] and values.long_value(step, 64) == 1

    def write_items() -> None:
        if now:
            printer.value(now)
        else:
            printer.write("%d" % access.ssize(address, "countobject", "cnt"))
        if not plain:
            printer.write(", ")
            printer.value(step)

    printer.call(info.name, address, write_items)


def _print_repeat(printer: Printer, address: int, info: TypeInfo) -> None:
    """``repeatobject *``: a negative count is an endless one."""
    access = printer.values.access
    element, left = access.pointer(address, "repeatobject", "element"), access.ssize(address, "repeatobject", "cnt")

    def write_items() -> None:
        printer.value(element)
        if left >= 0:
            printer.write(", %d" % left)

    printer.call(info.name, address, write_items)


def _print_placeholder(printer: Printer, address: int, info: TypeInfo) -> None:
    """What stands for an argument to come in a partial (3.14)."""
    printer.write("Placeholder")


HANDLERS: Dict[str, Handler] = {
    "functools.partial": _print_partial,
    "functools._PlaceholderType": _print_placeholder,
    "operator.itemgetter": _print_item_getter,
    "operator.attrgetter": _print_attribute_getter,
    "operator.methodcaller": _print_method_caller,
    "itertools.count": _print_count,
    "itertools.repeat": _print_repeat,
}
