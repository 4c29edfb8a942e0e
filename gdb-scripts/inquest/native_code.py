"""The code of a function from its entry to an address, as far as symbols tell where it begins."""

from __future__ import annotations

import re
from typing import List, Optional

import gdb

from inquest.native_modules import Place
from inquest.unsized_symbols import FARTHEST, Row, runs_on_to

_SYMBOL = re.compile(r"(\S+?)(?:@\S+)?(?: \+ (\d+))? in section ")


def rows_between(start: int, pc: int) -> List[Row]:
    """gdb's disassembly of ``[start, pc)``, empty where it cannot be had."""
    try:
        rows = gdb.selected_inferior().architecture().disassemble(start, pc - 1) if start < pc else []
    except (gdb.error, RuntimeError, OverflowError):
        return []
    return [(row["addr"], row["length"], row["asm"]) for row in rows]


def is_code_of(name: str, pc: int, place: Optional[Place]) -> bool:
    """Whether the code at ``pc``, to which gdb gives the name of a symbol without DWARF, is that symbol's. True where nothing speaks against it."""
    elf = place.module.elf if place is not None else None
    symbol = elf.symbols([name]).get(name) if elf is not None else None
    if place is None or symbol is None or symbol.size > 0 or not gdb.selected_inferior().architecture().name().startswith("i386"):
        return True
    start = place.bias + symbol.value
    return 0 <= pc - start <= FARTHEST and runs_on_to(rows_between(start, pc), pc)


def code_before(pc: int, place: Place) -> Optional[List[Row]]:
    """The code from the entry of the function that holds ``pc``; None where no symbol tells the entry. ``pc`` may stand right behind its end."""
    try:
        found = _SYMBOL.match(gdb.execute("info symbol 0x%x" % (pc - 1), to_string=True) or "")
    except gdb.error:
        return None
    if found is None or int(found.group(2) or 0) >= FARTHEST or not is_code_of(found.group(1), pc, place):
        return None
    return rows_between(pc - 1 - int(found.group(2) or 0), pc)
