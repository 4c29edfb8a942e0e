"""Whether a symbol without a size names the code at an address (x86).

Functions written in assembler often have none (musl's ``memset`` and ``setjmp``). Then gdb gives their name to all that follows up to the next
exported symbol: to the restorer of signals, and to the system call in which every waiting thread stands.
"""

from __future__ import annotations

import re
from typing import Iterable, Tuple

FARTHEST = 4096
"""Bytes of code behind such a symbol that are looked at; what lies further is not believed to be its."""

_PREFIX = r"\s*(?:(?:bnd|notrack|lock|rep\w*)\s+)*"
_ENDS = re.compile(_PREFIX + r"(?:ret|jmp|hlt|ud2)")
_JUMPS = re.compile(_PREFIX + r"(j\w+|loop\w*)\s+0x([0-9a-f]+)")

Row = Tuple[int, int, str]


def runs_on_to(rows: Iterable[Row], pc: int) -> bool:
    """Whether control can come from the first of the rows (address, length, text of gdb's disassembly, in order) to ``pc`` without a call."""
    farthest = 0
    for address, length, text in rows:
        if address >= pc:
            return True
        jump = _JUMPS.match(text)
        target = int(jump.group(2), 16) if jump is not None else 0
        # A function may end in a jump to another one.
        if jump is not None and (target <= pc or jump.group(1) != "jmp"):
            farthest = max(farthest, target)
        if _ENDS.match(text) is not None and farthest < address + length:
            return False
    return True
