"""Instances of classes, shown by their attributes: ``<module.C object at 0x…> {name: value}``, 2.7's classic ones
``<module.C instance at 0x…> {name: value}``."""

from __future__ import annotations

from typing import Iterator, Tuple

from ..memory import MemoryFault
from .printer import Printer
from .type_info import TypeInfo


def print_instance(printer: Printer, address: int, info: TypeInfo) -> None:
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
