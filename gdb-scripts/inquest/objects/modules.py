"""Modules, types and ``types.SimpleNamespace``: what holds names."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple

from ..memory import MemoryFault
from .printer import Handler, Printer
from .type_info import HEAP_TYPE, TypeInfo


def _print_type(printer: Printer, address: int, info: TypeInfo) -> None:
    found = printer.values.type_info(address)
    kind = "type" if printer.values.access.version[0] == 2 and not found.flags & HEAP_TYPE else "class"
    printer.write("<%s '%s'>" % (kind, found.full_name))


def _print_enum_class(printer: Printer, address: int, info: TypeInfo) -> None:
    found = printer.values.type_info(address)
    flag = printer.values.access.version >= (3, 11) and "enum.Flag" in found.mro_names
    printer.write("<%s %r>" % ("flag" if flag else "enum", found.name))


def _print_any(printer: Printer, address: int, info: TypeInfo) -> None:
    """``typing.Any``, a class from 3.11 on; its subclasses are told as others are."""
    if printer.values.type_info(address).full_name == "typing.Any":
        printer.write("typing.Any")
    else:
        _print_type(printer, address, info)


def optional_text(printer: Printer, address: Optional[int]) -> Optional[str]:
    """The str at ``address``, None for None and for anything else."""
    if not address:
        return None
    try:
        return printer.values.str_value(address, 1000)
    except MemoryFault:
        return None


def _print_module(printer: Printer, address: int, info: TypeInfo) -> None:
    """As ``importlib._bootstrap._module_repr``: by the spec, else by ``__file__``, else by the loader."""
    values = printer.values
    names = dict(_named(printer, values.access.pointer(address, "PyModuleObject", "md_dict")))
    title = optional_text(printer, names.get("__name__")) or "?"
    spec = names.get("__spec__")
    if spec and values.type_of(spec).full_name != "NoneType":
        attributes = values.attribute_dict(spec)
        title = optional_text(printer, attributes.get("name")) or "?"
        origin = optional_text(printer, attributes.get("origin"))
        if origin is not None:
            located = attributes.get("_set_fileattr")
            by_file = located and values.read_int(located, 64)[0] == 1
            printer.write("<module %r from %r>" % (title, origin) if by_file else "<module %r (%s)>" % (title, origin))
            return
        names["__loader__"] = attributes.get("loader") or 0
    else:
        file = optional_text(printer, names.get("__file__"))
        if file is not None:
            printer.write("<module %r from %r>" % (title, file))
            return
        if values.access.version[0] == 2:
            printer.write("<module %r (built-in)>" % title)
            return
    loader = names.get("__loader__")
    if not loader or values.type_of(loader).full_name == "NoneType":
        printer.write("<module %r>" % title)
        return
    importer = values.type_info(loader).name if "builtins.type" in values.type_of(loader).mro_names else ""
    if importer in _IMPORTERS and values.access.version < (3, 12):
        printer.write("<module %r (%s)>" % (title, _IMPORTERS[importer]))
    else:
        printer.container(address, "<module %r (" % title, ")>", lambda: printer.value(loader))


_IMPORTERS = {"BuiltinImporter": "built-in", "FrozenImporter": "frozen"}


def _named(printer: Printer, namespace: int) -> Iterator[Tuple[str, int]]:
    wanted = ("__name__", "__spec__", "__file__", "__loader__")
    for key, value in printer.values.dict_items(namespace, 64):
        try:
            name = printer.values.types.key_text(key)
        except MemoryFault:
            continue
        if name is not None and name in wanted:
            yield name, value


def _print_namespace(printer: Printer, address: int, info: TypeInfo) -> None:
    """``types.SimpleNamespace``."""
    values = printer.values
    found = list(values.attributes.named(address, info))
    if values.access.version < (3, 9):
        found.sort()
    name = "namespace" if info.name == "SimpleNamespace" else info.name

    def write_items() -> None:
        printer.named(found)

    printer.call(name, address, write_items, name + "(...)")


HANDLERS: Dict[str, Handler] = {
    "builtins.type": _print_type,
    "enum.EnumMeta": _print_enum_class,
    "enum.EnumType": _print_enum_class,
    "typing._AnyMeta": _print_any,
    "builtins.module": _print_module,
    "types.SimpleNamespace": _print_namespace,
}
