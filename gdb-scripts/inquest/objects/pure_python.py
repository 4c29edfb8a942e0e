"""Types that the standard library writes in Python, by their attributes: enum members, paths, fractions, UUIDs."""

from __future__ import annotations

import posixpath
import uuid
from typing import Dict, List, Optional

from ..memory import MemoryFault
from .instances import print_instance
from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo


def _attributes(printer: Printer, address: int, info: TypeInfo) -> Dict[str, int]:
    return dict(printer.values.attributes.named(address, info))


def print_enum_member(printer: Printer, address: int, info: TypeInfo) -> None:
    """``<Color.RED: 1>`` by ``_name_`` and ``_value_``; up to 3.10 composite flags have no name of their own."""
    attributes = _attributes(printer, address, info)
    value = attributes.get("_value_")
    if not value:
        print_instance(printer, address, info)
        return
    try:
        name = "." + printer.values.str_value(attributes.get("_name_", 0), 500)
    except MemoryFault:
        name = _composite_name(printer, info, value)
    printer.container(address, "<%s%s: " % (info.name, name), ">", lambda: printer.value(value))


def _composite_name(printer: Printer, info: TypeInfo, value: int) -> str:
    """``.W|R``: the members that make up a flag, the largest first, as ``Flag.__repr__`` of 3.6 to 3.10 finds them."""
    values = printer.values
    try:
        number = values.long_value(value, 64)
        members = values.types.type_attribute(info, "_member_map_")
        if number < 0 or members is None:
            return ""
        found = []
        for key, member in values.dict_items(members, 200):
            bits = values.read_int(values.attribute_dict(member).get("_value_", 0), 64)[0]
            if bits and bits & number == bits:
                found.append((bits, values.str_value(key, 200)))
    except MemoryFault:
        return ""
    return "." + "|".join(name for _, name in sorted(found, reverse=True)) if found else ".%d" % number if values.access.version < (3, 11) else ""


def _text_of(printer: Printer, address: Optional[int]) -> Optional[str]:
    if not address:
        return None
    try:
        return printer.values.str_value(address, 4096)
    except MemoryFault:
        return None


def _texts(printer: Printer, address: Optional[int]) -> Optional[List[str]]:
    """The strings of a list or tuple, None when it is neither."""
    if not address:
        return None
    values = printer.values
    kind = values.type_of(address).full_name
    if kind not in ("list", "tuple"):
        return None
    return [values.str_value(item, 4096) for item in (values.list_items if kind == "list" else values.tuple_items)(address, 500)]


def _print_path(printer: Printer, address: int, info: TypeInfo) -> None:
    """``_str`` once it was asked for; else drive, root and parts (to 3.11), their cached tail (3.12), or the raw arguments (3.12 on)."""
    attributes = _attributes(printer, address, info)
    shown = _text_of(printer, attributes.get("_str"))
    if shown is None:
        shown = _joined_path(printer, attributes)
    if shown is None:
        print_instance(printer, address, info)
    else:
        printer.write("%s(%r)" % (info.name, shown))


def _joined_path(printer: Printer, attributes: Dict[str, int]) -> Optional[str]:
    start = (_text_of(printer, attributes.get("_drv")) or "") + (_text_of(printer, attributes.get("_root")) or "")
    tail = _texts(printer, attributes.get("_tail_cached"))
    parts = _texts(printer, attributes.get("_parts"))
    if tail is not None:
        return (start + "/".join(tail)) or "."
    if parts is not None:
        return (start + "/".join(parts[1:]) if start else "/".join(parts)) or "."
    raw = _texts(printer, attributes.get("_raw_paths"))
    if raw is None:
        raw_path = _text_of(printer, attributes.get("_raw_path"))
        raw = [raw_path] if raw_path is not None else None
    return _normalized(posixpath.join(*raw) if raw else "") if raw is not None else None


def _normalized(path: str) -> str:
    """As pathlib parses a POSIX path: two leading slashes stay, empty and ``.`` parts go."""
    slashes = len(path) - len(path.lstrip("/"))
    root = "//" if slashes == 2 else "/" if slashes else ""
    return root + "/".join(part for part in path.split("/") if part not in ("", ".")) or "."


def _print_fraction(printer: Printer, address: int, info: TypeInfo) -> None:
    attributes = _attributes(printer, address, info)
    parts = [attributes.get("_numerator", 0), attributes.get("_denominator", 0)]

    def write_items() -> None:
        printer.items(parts)

    printer.call(info.name, address, write_items)


def _print_uuid(printer: Printer, address: int, info: TypeInfo) -> None:
    number = printer.values.long_value(_attributes(printer, address, info).get("int", 0), 256)
    if not 0 <= number < 1 << 128:
        raise Damaged(address, "UUID of more than 128 bits")
    printer.write("%s('%s')" % (info.name, uuid.UUID(int=number)))


HANDLERS: Dict[str, Handler] = {
    "enum.Enum": print_enum_member,
    "fractions.Fraction": _print_fraction,
    "uuid.UUID": _print_uuid,
    "pathlib.PurePath": _print_path,
    "pathlib._local.PurePath": _print_path,
}
