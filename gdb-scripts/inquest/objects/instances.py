"""Instances of classes, shown by their attributes: ``<module.C object at 0x…> {name: value}``, dataclasses ``C(name=value)``, enum
members ``<C.NAME: value>``, 2.7's classic instances ``<module.C instance at 0x…> {name: value}``."""

from __future__ import annotations

from typing import Iterator, List, Tuple

from ..memory import MemoryFault
from .printer import Printer
from .structured import print_structured
from .type_info import TypeInfo


def print_instance(printer: Printer, address: int, info: TypeInfo) -> None:
    if info.is_heap and _print_dataclass(printer, address, info):
        return
    if printer.values.access.version[0] == 2 and not info.is_heap and print_structured(printer, address, info):
        return
    print_attributes(printer, address, info, "<%s object at 0x%x>" % (info.full_name, address))


def print_attributes(printer: Printer, address: int, info: TypeInfo, title: str) -> None:
    """The title, and behind it the attributes in braces when there are any and the nesting allows it."""
    printer.write(title)
    if printer.at_the_bottom:
        return
    attributes = printer.values.attributes.named(address, info)
    try:
        first = next(attributes, None)
    except MemoryFault as fault:
        printer.write(" {<unreadable 0x%x: %s>}" % (address, fault.why))
        return
    if first is None:
        return

    def chained() -> Iterator[Tuple[str, int]]:
        yield first
        yield from attributes

    def write_items() -> None:
        printer.named(chained(), ": ")

    printer.container(address, " {", "}", write_items, "")


def _print_dataclass(printer: Printer, address: int, info: TypeInfo) -> bool:
    """A dataclass with the generated ``__repr__``: its fields in order. False for any other class."""
    values = printer.values
    try:
        fields = values.types.type_attribute(info, "__dataclass_fields__")
        if fields is None or not _generates_repr(printer, info):
            return False
        names = _field_names(printer, fields)
        attributes = dict(values.attributes.named(address, info))
    except MemoryFault:
        return False
    found = [(name, attributes.get(name) or values.types.type_attribute(info, name) or 0) for name in names]
    printer.container(address, info.qualname + "(", ")", lambda: _ignore(printer.named(found)), "...")
    return True


def _ignore(count: int) -> None:
    return None


def _generates_repr(printer: Printer, info: TypeInfo) -> bool:
    params = printer.values.types.type_attribute(info, "__dataclass_params__")
    return params is not None and _is_true(printer, printer.values.attribute_dict(params).get("repr", 0))


def _is_true(printer: Printer, address: int) -> bool:
    return bool(address) and printer.values.read_int(address, 64)[0] == 1


def _field_names(printer: Printer, fields: int) -> List[str]:
    names = []
    for key, field in printer.values.dict_items(fields, 200):
        attributes = printer.values.attribute_dict(field)
        kind = attributes.get("_field_type", 0)
        kind_name = printer.values.attribute_dict(kind).get("name", 0) if kind else 0
        if kind_name and printer.values.str_value(kind_name, 50) != "_FIELD":
            continue
        if _is_true(printer, attributes.get("repr", 0)):
            names.append(printer.values.str_value(key, 200))
    return names
