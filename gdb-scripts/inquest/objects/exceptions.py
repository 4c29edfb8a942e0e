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


def _print_import_error(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyImportErrorObject *``: from 3.15 on its name and path are told behind the arguments."""
    access = printer.values.access
    if access.version < (3, 15):
        _print_exception(printer, address, info)
        return
    arguments = printer.values.tuple_items(access.pointer(address, "PyBaseExceptionObject", "args"), printer.limits.items + 1)
    name, path = access.reader.pointers(address + access.size("PyBaseExceptionObject") + access.pointer_size, 2)

    def write_items() -> None:
        printer.items(arguments)
        for title, value in (("name", name), ("path", path)):
            if value:
                printer.write(", %s=" % title if arguments or title == "path" else "%s=" % title)
                printer.value(value)

    printer.call(info.name, address, write_items)


HANDLERS: Dict[str, Handler] = {
    "builtins.BaseException": _print_exception,
    "builtins.BaseExceptionGroup": _print_exception,
    "builtins.ImportError": _print_import_error,
    "exceptions.BaseException": _print_exception,
}
