"""date, time, datetime, timedelta, timezone: Include/datetime.h, Modules/_datetimemodule.c."""

from __future__ import annotations

from typing import Dict, List

from .printer import Handler, Printer
from .type_info import TypeInfo


def _data(printer: Printer, address: int, struct: str, size: int) -> bytes:
    access = printer.values.access
    return access.reader.read(address + access.offset(struct, "data"), size)


def _print_date(printer: Printer, address: int, info: TypeInfo) -> None:
    raw = _data(printer, address, "PyDateTime_Date", 4)
    printer.write("%s(%d, %d, %d)" % (info.c_name, raw[0] << 8 | raw[1], raw[2], raw[3]))


def _clock(raw: bytes) -> List[int]:
    """hour, minute, and second and microsecond as far as they are not zero."""
    fields = [raw[0], raw[1], raw[2], raw[3] << 16 | raw[4] << 8 | raw[5]]
    while len(fields) > 2 and not fields[-1]:
        fields.pop()
    return fields


def _print_clocked(struct: str, days: int) -> Handler:
    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        access = printer.values.access
        raw = _data(printer, address, struct, days + 6)
        fields = [raw[0] << 8 | raw[1], raw[2], raw[3]] if days else []
        fold = access.has(struct, "fold") and access.uint(address, struct, "fold")
        zone = access.pointer(address, struct, "tzinfo") if access.uint(address, struct, "hastzinfo") else 0

        def write_items() -> None:
            printer.write(", ".join(map(str, fields + _clock(raw[days:]))))
            if fold:
                printer.write(", fold=%d" % fold)
            if zone:
                printer.write(", tzinfo=")
                printer.value(zone)

        printer.call(info.c_name, address, write_items)

    return handler


def _print_delta(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    fields = [(name, access.sint(address, "PyDateTime_Delta", name)) for name in ("days", "seconds", "microseconds")]
    if access.version >= (3, 7):
        shown = ", ".join("%s=%d" % field for field in fields if field[1]) or "0"
    else:
        while len(fields) > 1 and not fields[-1][1]:
            fields.pop()
        shown = ", ".join("%d" % number for _, number in fields)
    printer.write("%s(%s)" % (info.c_name, shown))


def _print_timezone(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    offset = access.pointer(address, "PyDateTime_TimeZone", "offset")
    name = access.pointer(address, "PyDateTime_TimeZone", "name")
    if not name and not any(access.sint(offset, "PyDateTime_Delta", field) for field in ("days", "seconds", "microseconds")):
        printer.write(info.c_name + ".utc")
        return
    parts = [offset, name] if name else [offset]

    def write_items() -> None:
        printer.items(parts)

    printer.call(info.c_name, address, write_items)


def _print_iso_date(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyDateTime_IsoCalendarDate``, a tuple (from 3.9 on)."""
    items = printer.values.tuple_items(address, 3)
    printer.call(info.c_name, address, lambda: _ignore(printer.named(zip(("year", "week", "weekday"), items))))


def _ignore(count: int) -> None:
    return None


HANDLERS: Dict[str, Handler] = {
    "datetime.date": _print_date,
    "datetime.time": _print_clocked("PyDateTime_Time", 0),
    "datetime.datetime": _print_clocked("PyDateTime_DateTime", 4),
    "datetime.timedelta": _print_delta,
    "datetime.timezone": _print_timezone,
    "datetime.IsoCalendarDate": _print_iso_date,
}
