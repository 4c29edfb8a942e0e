"""From an instruction to its place in the source: pure functions on the bytes of a code object.

Three encodings, by version. Each function takes the table as ``bytes``, ``co_firstlineno``, and the byte offset of the
instruction in ``co_code``, and never raises on damaged bytes: a table that ends early gives ``NOWHERE``.

* up to 3.9 ``co_lnotab``: pairs of increments, unsigned in 2.7, signed lines from 3.6 (Objects/lnotab_notes.txt);
* 3.10 ``co_linetable``: pairs (size of the range, line increment), where -128 says that the range has no line (PEP 626);
* 3.11+ ``co_linetable``: the location table with columns (PEP 657, Objects/locations.md).
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Tuple


class Position(NamedTuple):
    """Lines from 1; columns from 0, in UTF-8 bytes, the end excluded, as ``co_positions()`` gives them."""

    line: Optional[int]
    end_line: Optional[int]
    column: Optional[int]
    end_column: Optional[int]


NOWHERE = Position(None, None, None, None)


def position(version: Tuple[int, ...], table: bytes, first_line: int, offset: int) -> Position:
    """Where the instruction at byte ``offset`` comes from, by the encoding of ``version`` (major, minor, …).

    A negative offset is a frame that has not run yet: CPython shows its first line.
    """
    if offset < 0:
        return Position(first_line, None, None, None)
    if version[:2] >= (3, 11):
        return from_locations(table, first_line, offset)
    if version[:2] == (3, 10):
        return from_linetable(table, first_line, offset)
    return from_lnotab(table, first_line, offset, signed=version[0] >= 3)


def from_lnotab(table: bytes, first_line: int, offset: int, signed: bool) -> Position:
    """Up to 3.9: (address increment, line increment) pairs."""
    address, line = 0, first_line
    for index in range(0, len(table) - 1, 2):
        address += table[index]
        if address > offset:
            break
        step = table[index + 1]
        line += step - 256 if signed and step >= 128 else step
    return Position(line, None, None, None)


def from_linetable(table: bytes, first_line: int, offset: int) -> Position:
    """3.10: (size of the range in bytes, line increment) pairs."""
    end, line = 0, first_line
    for index in range(0, len(table) - 1, 2):
        end += table[index]
        step = table[index + 1]
        if step != 128:
            line += step - 256 if step > 128 else step
        if offset < end:
            return NOWHERE if step == 128 else Position(line, None, None, None)
    return NOWHERE


def from_locations(table: bytes, first_line: int, offset: int) -> Position:
    """3.11+: entries of a head byte (0x80, a 4-bit kind, the length less one in code units) and the kind's own bytes."""
    for start, end, found in locations(table, first_line):
        if start <= offset < end:
            return found
    return NOWHERE


def locations(table: bytes, first_line: int) -> Iterator[Tuple[int, int, Position]]:
    """All entries of a 3.11+ location table: (start, end, position), offsets in bytes."""
    cursor, start, line = 0, 0, first_line
    try:
        while cursor < len(table):
            head = table[cursor]
            cursor += 1
            kind, end = head >> 3 & 15, start + 2 * ((head & 7) + 1)
            if kind == 15:
                found = NOWHERE
            elif kind == 14:
                step, cursor = _signed(table, cursor)
                span, cursor = _unsigned(table, cursor)
                column, cursor = _unsigned(table, cursor)
                end_column, cursor = _unsigned(table, cursor)
                line += step
                found = Position(line, line + span, column - 1 if column else None, end_column - 1 if end_column else None)
            elif kind == 13:
                step, cursor = _signed(table, cursor)
                line += step
                found = Position(line, line, None, None)
            elif kind >= 10:
                line += kind - 10
                found = Position(line, line, table[cursor], table[cursor + 1])
                cursor += 2
            else:
                second = table[cursor]
                cursor += 1
                column = kind << 3 | second >> 4
                found = Position(line, line, column, column + (second & 15))
            yield start, end, found
            start = end
    except IndexError:
        return


def _unsigned(table: bytes, cursor: int) -> Tuple[int, int]:
    """Groups of 6 bits, the lowest first; bit 6 says that another follows."""
    value, shift = 0, 0
    while True:
        byte = table[cursor]
        cursor += 1
        value |= (byte & 63) << shift
        shift += 6
        if not byte & 64:
            return value, cursor


def _signed(table: bytes, cursor: int) -> Tuple[int, int]:
    value, cursor = _unsigned(table, cursor)
    return (-(value >> 1) if value & 1 else value >> 1), cursor
