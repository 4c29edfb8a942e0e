"""2.7's classic classes and their instances (Objects/classobject.c)."""

from __future__ import annotations

from typing import Dict

from .instances import print_attributes
from .modules import optional_text
from .printer import Handler, Printer
from .type_info import TypeInfo


def _print_classobj(printer: Printer, address: int, info: TypeInfo) -> None:
    """2.7's classic class."""
    printer.write("<class %s at 0x%x>" % (_classic_name(printer, address), address))


def _classic_name(printer: Printer, address: int) -> str:
    values, access = printer.values, printer.values.access
    name = values.str_value(access.pointer(address, "PyClassObject", "cl_name"), 500)
    module = values.dict_get(access.pointer(address, "PyClassObject", "cl_dict"), "__module__")
    return "%s.%s" % (optional_text(printer, module) or "?", name)


def _print_classic_instance(printer: Printer, address: int, info: TypeInfo) -> None:
    name = _classic_name(printer, printer.values.access.pointer(address, "PyInstanceObject", "in_class"))
    print_attributes(printer, address, info, "<%s instance at 0x%x>" % (name, address))


HANDLERS: Dict[str, Handler] = {
    "builtins.classobj": _print_classobj,
    "builtins.instance": _print_classic_instance,
}
