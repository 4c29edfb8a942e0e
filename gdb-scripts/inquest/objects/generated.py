"""Instances of classes whose ``__repr__`` the standard library generates: dataclasses and named tuples, ``C(name=value, …)``."""

from __future__ import annotations

from typing import Iterator, List, Tuple

from .printer import Handler, Printer
from .sequences import read_tuple
from .type_info import TypeInfo

_MOST_FIELDS = 200


def dataclass_handler(definer: int) -> Handler:
    """The repr that ``@dataclass`` wrote for the class at ``definer``, which tells that class's fields only."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        found = dataclass_fields(printer, address, info, definer)

        def write_items() -> None:
            printer.named(found)

        printer.container(address, info.qualname + "(", ")", write_items, "...")

    return handler


def dataclass_fields(printer: Printer, address: int, info: TypeInfo, definer: int) -> Iterator[Tuple[str, int]]:
    """(name, value) of the fields that the repr shows; the value is 0 when it has not been set."""
    values = printer.values
    names = _field_names(printer, values.types.own_attribute(definer, "__dataclass_fields__") or 0)
    attributes = dict(values.attributes.named(address, info))
    return iter([(name, attributes.get(name) or values.types.type_attribute(info, name) or 0) for name in names])


def _field_names(printer: Printer, fields: int) -> List[str]:
    names = []
    for key, field in printer.values.dict_items(fields, _MOST_FIELDS):
        attributes = printer.values.attribute_dict(field)
        kind = attributes.get("_field_type", 0)
        kind_name = printer.values.attribute_dict(kind).get("name", 0) if kind else 0
        if kind_name and printer.values.str_value(kind_name, 50) != "_FIELD":
            continue
        shown = attributes.get("repr", 0)
        if shown and printer.values.read_int(shown, 64)[0] == 1:
            names.append(printer.values.str_value(key, 200))
    return names


def namedtuple_handler(fields: int, title: str) -> Handler:
    """``fields`` is the class's ``_fields``, a tuple of str."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        values = printer.values
        found, size = read_tuple(values.access, address, printer.limits.items)
        names = [values.str_value(field, 200) for field in values.tuple_items(fields, printer.limits.items)]

        def write_items() -> None:
            printer.named(zip(names, found))
            if size > len(found):
                printer.write(", ")
                printer.cut()

        printer.call(title, address, write_items)

    return handler
