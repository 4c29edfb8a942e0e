"""``ipaddress``: addresses, networks and interfaces (Lib/ipaddress.py)."""

from __future__ import annotations

from typing import Dict

from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo


def _version_4(number: int) -> str:
    return ".".join(str(number >> shift & 0xFF) for shift in (24, 16, 8, 0))


def _version_6(number: int, dotted: bool) -> str:
    """The longest run of two or more zero groups becomes ``::``; from 3.13 on a mapped IPv4 address ends in its dotted form."""
    if dotted and number >> 32 == 0xFFFF:
        return "::ffff:" + _version_4(number & 0xFFFFFFFF)
    groups = [number >> shift & 0xFFFF for shift in range(112, -1, -16)]
    best, start = (0, 0), 0
    for at in range(9):
        if at == 8 or groups[at]:
            best = max(best, (at - start, -start))
            start = at + 1
    length, first = best[0], -best[1]
    texts = ["%x" % group for group in groups]
    if length < 2:
        return ":".join(texts)
    return ":".join(texts[:first]) + "::" + ":".join(texts[first + length :])


def _text(printer: Printer, address: int) -> str:
    """``str()`` of an address, interface or network."""
    values = printer.values
    info = values.type_of(address)
    found = values.attribute_dict(address)
    if "network_address" in found:
        return "%s/%d" % (_text(printer, found["network_address"]), _prefix(printer, found))
    number = values.long_value(found.get("_ip", 0), 192)
    bits = 32 if "ipaddress._BaseV4" in info.mro_names else 128
    if not 0 <= number < 1 << bits:
        raise Damaged(address, "IP address of more than %d bits" % bits)
    text = _version_4(number) if bits == 32 else _version_6(number, values.access.version >= (3, 13))
    scope = found.get("_scope_id", 0)
    if scope and values.type_of(scope).full_name == "str":
        text += "%" + values.str_value(scope, 100)
    return "%s/%d" % (text, _prefix(printer, found)) if "network" in found else text


def _prefix(printer: Printer, found: Dict[str, int]) -> int:
    """``_prefixlen`` of the object itself, or of the network that an interface belongs to."""
    if "_prefixlen" not in found:
        found = printer.values.attribute_dict(found.get("network", 0))
    return printer.values.long_value(found.get("_prefixlen", 0), 64)


def _print_address(printer: Printer, address: int, info: TypeInfo) -> None:
    printer.write("%s(%r)" % (info.name, _text(printer, address)))


HANDLERS: Dict[str, Handler] = {"ipaddress._BaseAddress": _print_address, "ipaddress._BaseNetwork": _print_address}
