"""``re.compile('x', re.IGNORECASE)`` and ``<re.Match object; span=(0, 1), match='x'>``: Modules/_sre/sre.h."""

from __future__ import annotations

from typing import Dict

from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo

_FLAGS = (
    (2, "IGNORECASE"),
    (4, "LOCALE"),
    (8, "MULTILINE"),
    (16, "DOTALL"),
    (32, "UNICODE"),
    (64, "VERBOSE"),
    (128, "DEBUG"),
    (256, "ASCII"),
)
# Modules/_sre/sre.c: the matched text is printed with %.50R.
_LONGEST_MATCH = 50


def _print_pattern(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PatternObject *``."""
    access = printer.values.access
    pattern = access.pointer(address, "PatternObject", "pattern")
    flags = access.uint(address, "PatternObject", "flags")
    if "builtins.str" in printer.values.type_of(pattern).mro_names and flags & (4 | 32 | 256) == 32:
        flags &= ~32
    names = ["re." + name for bit, name in _FLAGS if flags & bit]
    rest = flags & ~510
    if rest:
        names.append("0x%x" % rest)

    def write_items() -> None:
        printer.value(pattern)
        if names:
            printer.write(", " + "|".join(names))

    printer.call("re.compile", address, write_items)


def _print_match(printer: Printer, address: int, info: TypeInfo) -> None:
    """``MatchObject *``: the first pair of ``mark`` is the whole match, in characters or bytes."""
    access = printer.values.access
    start, end = access.ssize(address, "MatchObject", "start"), access.ssize(address, "MatchObject", "end")
    printer.write("<%s object; span=(%d, %d)" % (info.full_name, start, end))
    subject = access.pointer(address, "MatchObject", "string")
    names = printer.values.type_of(subject).mro_names if subject else ()
    if not 0 <= start <= end:
        raise Damaged(address, "match from %d to %d" % (start, end))
    if end <= printer.limits.bytes and ("builtins.str" in names or "builtins.bytes" in names):
        whole = printer.values.read_text if "builtins.str" in names else _read_bytes(printer)
        quoted = repr(whole(subject, end)[0][start:end])
        printer.write(", match=" + quoted[:_LONGEST_MATCH])
        printer.truncated = printer.truncated or len(quoted) > _LONGEST_MATCH
    printer.write(">")


def _read_bytes(printer: Printer):
    return lambda address, limit: (printer.values.bytes_value(address, limit), 0)


HANDLERS: Dict[str, Handler] = {
    "re.Pattern": _print_pattern,
    "_sre.SRE_Pattern": _print_pattern,
    "re.Match": _print_match,
    "_sre.SRE_Match": _print_match,
}
