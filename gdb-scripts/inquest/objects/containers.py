"""Reprs of the builtin containers, of ranges, slices and views."""

from __future__ import annotations

from typing import Dict

from . import mappings, sequences
from .collections_types import iterate_ordered, write_tuples
from .printer import Handler, Printer
from .type_info import TypeInfo


def print_tuple(printer: Printer, address: int, info: TypeInfo) -> None:
    found, size = sequences.read_tuple(printer.values.access, address, printer.limits.items)

    def write_items() -> None:
        if printer.items(found, size) == 1 and size == 1:
            printer.write(",")

    printer.container(address, "(", ")", write_items)


def print_list(printer: Printer, address: int, info: TypeInfo) -> None:
    found, size = sequences.read_list(printer.values.access, address, printer.limits.items)
    printer.container(address, "[", "]", lambda: _ignore(printer.items(found, size)))


def print_dict(printer: Printer, address: int, info: TypeInfo) -> None:
    size = mappings.dict_size(printer.values.access, address)
    printer.container(address, "{", "}", lambda: _ignore(printer.pairs(mappings.iterate_dict(printer.values.access, address), size)))


def _print_frozendict(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyFrozenDictObject *`` (3.15), which begins with a ``PyDictObject``."""
    access = printer.values.access
    size = mappings.dict_size(access, address)
    if not size:
        printer.write(info.name + "()")
        return
    printer.container(address, info.name + "({", "})", lambda: _ignore(printer.pairs(mappings.iterate_dict(access, address), size)))


def _ignore(count: int) -> None:
    return None


def _print_set(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    size = mappings.set_size(access, address)
    name = "set" if info.qualname == "set" else info.name
    if not size:
        printer.write(name + ("([])" if access.version[0] == 2 else "()"))
        return

    def write_items() -> None:
        printer.items(mappings.iterate_set(access, address), size)

    if access.version[0] == 2:
        printer.container(address, name + "([", "])", write_items, name + "(...)")
    elif name == "set":
        printer.container(address, "{", "}", write_items, "set(...)")
    else:
        printer.container(address, name + "({", "})", write_items, name + "(...)")


def _print_range(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    if access.version[0] == 2:
        start, step, count = (access.ssize(address, "rangeobject", name) for name in ("start", "step", "len"))
        numbers = [start, start + count * step] if start or step != 1 else [count]
        printer.write("xrange(%s)" % ", ".join(map(str, numbers + [step] if step != 1 else numbers)))
        return
    start, stop, step = (access.pointer(address, "rangeobject", name) for name in ("start", "stop", "step"))
    parts = [start, stop] if printer.values.read_int(step, 64)[0] == 1 else [start, stop, step]
    printer.call("range", address, lambda: _ignore(printer.items(parts)))


def _print_slice(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    parts = [access.pointer(address, "PySliceObject", name) for name in ("start", "stop", "step")]
    printer.call("slice", address, lambda: _ignore(printer.items(parts)))


def _print_view(kind: str) -> Handler:
    """``dict_keys``, ``dict_values``, ``dict_items``, and those of an OrderedDict: Objects/dictobject.c ``_PyDictViewObject``."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        access = printer.values.access
        owner = access.pointer(address, "dictviewobject", "dv_dict")
        size = mappings.dict_size(access, owner)
        ordered = "collections.OrderedDict" in printer.values.type_of(owner).mro_names
        pairs = iterate_ordered(printer, owner) if ordered else mappings.iterate_dict(access, owner)

        def write_items() -> None:
            printer.items((pair[kind == "values"] for pair in pairs), size)

        printer.container(address, info.c_name + "([", "])", (lambda: write_tuples(printer, pairs)) if kind == "items" else write_items, "...")

    return handler


def _print_proxy(printer: Printer, address: int, info: TypeInfo) -> None:
    inner = printer.values.access.pointer(address, "mappingproxyobject", "mapping")
    name = "dict_proxy" if printer.values.access.version[0] == 2 else "mappingproxy"
    printer.call(name, address, lambda: printer.value(inner))


HANDLERS: Dict[str, Handler] = {
    "builtins.tuple": print_tuple,
    "builtins.list": print_list,
    "builtins.dict": print_dict,
    "builtins.frozendict": _print_frozendict,
    "builtins.set": _print_set,
    "builtins.frozenset": _print_set,
    "builtins.range": _print_range,
    "builtins.xrange": _print_range,
    "builtins.slice": _print_slice,
    "builtins.dict_keys": _print_view("keys"),
    "builtins.dict_values": _print_view("values"),
    "builtins.dict_items": _print_view("items"),
    "builtins.mappingproxy": _print_proxy,
    "builtins.dictproxy": _print_proxy,
}
