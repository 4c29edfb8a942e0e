"""Exceptions: ``PyBaseExceptionObject`` of Include/cpython/pyerrors.h."""

from __future__ import annotations

from typing import Dict

from .printer import Handler, Printer
from .type_info import TypeInfo


def _print_exception(printer: Printer, address: int, info: TypeInfo) -> None:
    """``Name(args)``; up to 3.6 a single argument is followed by a comma, as in the repr of a tuple."""
    access = printer.values.access
    pointer = access.pointer(address, "PyBaseExceptionObject", "args")
    arguments = printer.values.tuple_items(pointer, printer.limits.items + 1) if pointer else []

    def write_items() -> None:
        if printer.items(arguments) == 1 and access.version < (3, 7):
            printer.write(",")

    printer.call(info.name, address, write_items)


HANDLERS: Dict[str, Handler] = {
    "builtins.BaseException": _print_exception,
    "exceptions.BaseException": _print_exception,
}
