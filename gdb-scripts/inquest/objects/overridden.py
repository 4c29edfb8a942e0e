"""Subclasses of builtins that have a ``__repr__`` of their own, which cannot run here."""

from __future__ import annotations

from .printer import Handler, Printer
from .type_info import TypeInfo


def named_when_overridden(base: str, plain: Handler) -> Handler:
    """A handler for types whose ``__repr__`` does not tell their name. When a subclass has its own, which cannot run here, the
    name is told: ``module.Name(repr of the builtin part)``."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        at = info.mro_names.index(base)
        if at == 0 or info.repr_slot == printer.values.type_info(info.mro_addresses[at]).repr_slot:
            plain(printer, address, info)
        else:
            printer.write(info.full_name + "(")
            plain(printer, address, info)
            printer.write(")")

    return handler
