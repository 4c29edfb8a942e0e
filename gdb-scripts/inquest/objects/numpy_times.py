"""numpy's ``datetime64`` and ``timedelta64`` as text: counts of a unit since 1970 (numpy/core/src/multiarray/datetime.c)."""

from __future__ import annotations

from typing import Tuple

# NPY_DATETIMEUNIT; 3 were business days once, 14 is no unit at all.
_UNITS = ("Y", "M", "W", "", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "")
_NOT_A_TIME = -(1 << 63)
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_DIGITS = {"ms": 3, "us": 6, "ns": 9, "ps": 12, "fs": 15, "as": 18}


def unit_text(base: int, count: int) -> str:
    """``D``, ``25s``; empty where there is none, or none that numpy has."""
    unit = _UNITS[base] if 0 <= base < len(_UNITS) else ""
    return unit if count == 1 or not unit or not 0 < count < 1 << 31 else "%d%s" % (count, unit)


def datetime_text(value: int, unit: str) -> str:
    """``2020-02-29T01:02:03`` as numpy writes it; the bare count where there is no unit."""
    if value == _NOT_A_TIME:
        return "NaT"
    name = unit.lstrip("0123456789")
    value *= int(unit[: len(unit) - len(name)] or 1)
    if name == "Y":
        return "%04d" % (1970 + value)
    if name == "M":
        return "%04d-%02d" % (1970 + value // 12, value % 12 + 1)
    if name in ("W", "D"):
        return "%04d-%02d-%02d" % _date(value * (7 if name == "W" else 1))
    if name in _SECONDS:
        return _moment(value * _SECONDS[name], {"h": 1, "m": 2, "s": 3}[name])
    if name in _DIGITS:
        seconds, fraction = divmod(value, 10 ** _DIGITS[name])
        return "%s.%0*d" % (_moment(seconds, 3), _DIGITS[name], fraction)
    return "%d" % value


def timedelta_text(value: int) -> str:
    return "NaT" if value == _NOT_A_TIME else "%d" % value


def _moment(seconds: int, parts: int) -> str:
    days, rest = divmod(seconds, 86_400)
    clock = ("%02d" % (rest // 3600), "%02d" % (rest // 60 % 60), "%02d" % (rest % 60))
    return "%04d-%02d-%02dT" % _date(days) + ":".join(clock[:parts])


def _date(days: int) -> Tuple[int, int, int]:
    """Of the Gregorian calendar, which numpy extends both ways without end: by eras of 400 years that begin in March."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    return era * 400 + year + (month >= 10), month + 3 if month < 10 else month - 9, day - (153 * month + 2) // 5 + 1
