"""Decimal: ``PyDecObject`` of Modules/_decimal/_decimal.c with libmpdec's ``mpd_t``; 2.7's is written in Python."""

from __future__ import annotations

from typing import Dict

from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo

_NEGATIVE, _INFINITE, _NAN, _SIGNALING = 1, 2, 4, 8


def _print_decimal(printer: Printer, address: int, info: TypeInfo) -> None:
    attributes = dict(printer.values.attributes.named(address, info)) if info.is_heap else {}
    shown = _from_slots(printer, attributes) if "_int" in attributes else _from_mpd(printer, address)
    printer.write("%s('%s')" % ("Decimal", shown))


def _from_mpd(printer: Printer, address: int) -> str:
    """``mpd_t``: words of 19 decimal digits (9 with 32-bit words), the lowest first."""
    access = printer.values.access
    flags = access.uint(address, "PyDecObject", "dec.flags")
    exponent = access.ssize(address, "PyDecObject", "dec.exp")
    count = access.ssize(address, "PyDecObject", "dec.len")
    sign = "-" if flags & _NEGATIVE else ""
    if flags & _INFINITE:
        return sign + "Infinity"
    if not 0 <= count < 1 << 40:
        raise Damaged(address, "Decimal of %d words" % count)
    per_word = 19 if access.pointer_size == 8 else 9
    if count * per_word > 5000:
        raise Damaged(address, "Decimal of %d digits" % access.ssize(address, "PyDecObject", "dec.digits"))
    words = access.reader.pointers(access.pointer(address, "PyDecObject", "dec.data"), count) if count else []
    if any(word >= 10**per_word for word in words):
        raise Damaged(address, "Decimal with a word of %d digits" % (per_word + 1))
    digits = "".join("%0*d" % (per_word, word) for word in reversed(words)).lstrip("0")
    if flags & (_NAN | _SIGNALING):
        return sign + ("sNaN" if flags & _SIGNALING else "NaN") + digits
    return _scientific(address, sign, digits or "0", exponent)


def _scientific(address: int, sign: str, digits: str, exponent: int) -> str:
    if abs(exponent) > 10**18:
        raise Damaged(address, "Decimal with the exponent %d" % exponent)
    import decimal

    return str(decimal.Decimal((1 if sign else 0, tuple(map(int, digits)), exponent)))


def _from_slots(printer: Printer, attributes: Dict[str, int]) -> str:
    values = printer.values
    sign = "-" if values.long_value(attributes.get("_sign", 0), 64) else ""
    digits = values.str_value(attributes["_int"], 5000)
    if values.type_of(attributes.get("_exp", 0)).full_name in ("str", "unicode"):
        kind = values.str_value(attributes.get("_exp", 0), 5)
        return sign + {"F": "Infinity", "n": "NaN" + digits, "N": "sNaN" + digits}.get(kind, "?")
    if not digits.isdigit():
        raise Damaged(attributes["_int"], "Decimal of digits that are none")
    return _scientific(attributes.get("_exp", 0), sign, digits, values.long_value(attributes.get("_exp", 0), 128))


HANDLERS: Dict[str, Handler] = {"decimal.Decimal": _print_decimal}
