"""Types that the standard library writes in Python, by their attributes: paths, fractions, UUIDs, wrappers of containers."""

from __future__ import annotations

from typing import Dict, List, Optional

from ..memory import MemoryFault
from .instances import print_instance
from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo


_WRAPPERS = ("UserDict", "UserList", "UserString")


def _attributes(printer: Printer, address: int, info: TypeInfo) -> Dict[str, int]:
    return dict(printer.values.attributes.named(address, info))


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
    """``_str`` once it was asked for; else drive, root and parts (to 3.11), their cached tail (3.12), or the raw arguments (3.12 on).
    Windows paths are told with slashes."""
    attributes = _attributes(printer, address, info)
    windows = any(name.endswith(".PureWindowsPath") for name in info.mro_names)
    shown = _text_of(printer, attributes.get("_str"))
    if shown is None:
        shown = _joined_path(printer, attributes, windows)
    if shown is None:
        print_instance(printer, address, info)
    else:
        printer.write("%s(%r)" % (info.name, shown.replace("\\", "/") if windows else shown))


def _joined_path(printer: Printer, attributes: Dict[str, int], windows: bool) -> Optional[str]:
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
    if raw is None:
        return None
    # Imported where it is used, for most reports have no path, and it takes as long as a stack.
    from pathlib import PurePosixPath, PureWindowsPath

    return str((PureWindowsPath if windows else PurePosixPath)(*raw))


def _print_fraction(printer: Printer, address: int, info: TypeInfo) -> None:
    attributes = _attributes(printer, address, info)
    # Four bits a digit at most: an interpreter may refuse to write longer numbers.
    bits = 4 * printer.limits.string
    parts = [printer.values.long_value(attributes.get(name, 0), bits) for name in ("_numerator", "_denominator")]
    digits = [str(part) for part in parts]
    if any(len(text) > printer.limits.string for text in digits):
        raise Damaged(address, "Fraction of more than %d digits" % printer.limits.string)
    printer.write("%s(%s)" % (info.name if printer.values.access.version[0] > 2 else "Fraction", ", ".join(digits)))


def _print_uuid(printer: Printer, address: int, info: TypeInfo) -> None:
    number = printer.values.long_value(_attributes(printer, address, info).get("int", 0), 256)
    if not 0 <= number < 1 << 128:
        raise Damaged(address, "UUID of more than 128 bits")
    import uuid

    printer.write("%s('%s')" % (info.name if printer.values.access.version[0] > 2 else "UUID", uuid.UUID(int=number)))


def _print_data(printer: Printer, address: int, info: TypeInfo) -> None:
    """``UserDict``, ``UserList``, ``UserString``: as the object that they wrap."""
    data = _attributes(printer, address, info).get("data")
    if data:
        printer.value(data)
    else:
        print_instance(printer, address, info)


def _print_chain_map(printer: Printer, address: int, info: TypeInfo) -> None:
    maps = printer.values.list_items(_attributes(printer, address, info).get("maps", 0), printer.limits.items)

    def write_items() -> None:
        printer.items(maps)

    printer.call(info.name, address, write_items, "...")


HANDLERS: Dict[str, Handler] = {
    "fractions.Fraction": _print_fraction,
    "uuid.UUID": _print_uuid,
    "collections.ChainMap": _print_chain_map,
    **{module + name: _print_data for module in ("collections.", "UserDict.", "UserList.", "UserString.") for name in _WRAPPERS},
    "pathlib.PurePath": _print_path,
    "pathlib._local.PurePath": _print_path,
}
