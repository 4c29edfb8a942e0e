"""Members of ``enum.Enum``: ``<Color.RED: 1>``, ``<Perm.R|W: 6>``, ``re.IGNORECASE`` (Lib/enum.py)."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ..memory import MemoryFault
from .generated import dataclass_fields
from .instances import print_instance
from .printer import Handler, Printer
from .type_info import TypeInfo

_MOST_MEMBERS = 1000


def _name_and_value(printer: Printer, address: int, info: TypeInfo) -> Tuple[Optional[str], int]:
    """``_name_``, None for a composite flag up to 3.10 and for unknown bits later, and the address of ``_value_``."""
    attributes = dict(printer.values.attributes.named(address, info))
    try:
        name = printer.values.str_value(attributes.get("_name_", 0), 500)
    except MemoryFault:
        name = None
    return name, attributes.get("_value_", 0)


def _print_member(printer: Printer, address: int, info: TypeInfo) -> None:
    name, value = _name_and_value(printer, address, info)
    if not value:
        print_instance(printer, address, info)
        return
    if name is None and printer.values.access.version < (3, 11):
        name = _composite_name(printer, info, value)
    title = "<%s: " % info.name if name is None else "<%s.%s: " % (info.name, name)
    printer.container(address, title, ">", lambda: _write_value(printer, info, value))


def _write_value(printer: Printer, info: TypeInfo, value: int) -> None:
    """From 3.12 on the value of a dataclass mixed in is told by its fields alone."""
    kind = printer.values.type_of(value)
    shown = printer.values.types.type_attribute(info, "_value_repr_") if kind.is_heap else None
    definer = printer.values.types.defining(kind, "__dataclass_fields__") if shown else None
    if shown and definer and printer.values.access.version >= (3, 12) and printer.values.type_of(shown).full_name == "function":
        printer.named(dataclass_fields(printer, value, kind, definer[0]))
    else:
        printer.value(value)


def _composite_name(printer: Printer, info: TypeInfo, value: int) -> Optional[str]:
    """The members that make up a flag, the largest first, as ``Flag.__repr__`` of 3.6 to 3.10 finds them: among named members, and for
    a value that is not negative among those made for single unknown bits."""
    values = printer.values
    try:
        number = values.long_value(value, 512)
        known = values.types.type_attribute(info, "_value2member_map_")
        found: List[Tuple[int, str]] = []
        exact = None
        for key, member in values.dict_items(known or 0, _MOST_MEMBERS):
            bits = values.long_value(key, 512)
            name = _own_name(printer, member)
            if bits == number:
                exact = name or str(bits)
            if bits and bits & number == bits and (name is not None or (number >= 0 and bits > 0 and bits & (bits - 1) == 0)):
                found.append((bits, name or str(bits)))
    except MemoryFault:
        return None
    if not found:
        return exact or ""
    found.sort(reverse=True)
    if len(found) > 1 and found[0][0] == number:
        del found[0]
    return "|".join(name for _, name in found)


def _own_name(printer: Printer, member: int) -> Optional[str]:
    name = printer.values.attribute_dict(member).get("_name_", 0)
    return printer.values.str_value(name, 200) if name and printer.values.type_of(name).full_name == "str" else None


def _print_global(printer: Printer, address: int, info: TypeInfo) -> None:
    """``@enum.global_enum`` (3.11): ``module.NAME`` for each name of a flag; numbers stay alone."""
    name, value = _name_and_value(printer, address, info)
    module = info.module.rpartition(".")[2]
    if name is None:
        printer.container(address, "%s.%s(" % (module, info.name), ")", lambda: printer.value(value))
    else:
        printer.write("|".join(part if part[:1].isdigit() else module + "." + part for part in name.split("|")))


def _print_regex_flag(printer: Printer, address: int, info: TypeInfo) -> None:
    """``re.RegexFlag`` from 3.8 to 3.10: ``re.IGNORECASE|re.MULTILINE|0x400``, ``~`` before the complement of a negative one."""
    values = printer.values
    name, value = _name_and_value(printer, address, info)
    if name is not None:
        printer.write("re." + name)
        return
    number = values.long_value(value, 512)
    left = ~number if number < 0 else number
    parts = []
    for member in values.list_items(values.types.type_attribute(info, "_member_names_") or 0, _MOST_MEMBERS):
        bits = _bits_of(printer, info, values.str_value(member, 200))
        if left & bits:
            left &= ~bits
            parts.append("re." + values.str_value(member, 200))
    if left:
        parts.append(hex(left))
    text = "|".join(parts)
    printer.write(text if number >= 0 else "~(%s)" % text if len(parts) > 1 else "~" + text)


def _bits_of(printer: Printer, info: TypeInfo, name: str) -> int:
    values = printer.values
    member = values.dict_get(values.types.type_attribute(info, "_member_map_") or 0, name)
    return values.long_value(values.attribute_dict(member or 0).get("_value_", 0), 512)


HANDLERS: Dict[str, Handler] = {"enum.Enum": _print_member, "enum.Flag": _print_member}

FUNCTIONS: Dict[str, Handler] = {
    "enum.Enum.__repr__": _print_member,
    "enum.Flag.__repr__": _print_member,
    "enum.global_enum_repr": _print_global,
    "enum.global_flag_repr": _print_global,
    "re.RegexFlag.__repr__": _print_regex_flag,
}
