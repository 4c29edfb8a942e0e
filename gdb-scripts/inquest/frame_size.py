"""How deep a function's frame is at an instruction, by the code before it (x86-64), where no call frame information tells it.

Compiled code moves the stack pointer by constants: registers are pushed, room is made, and before each return both are taken back. Where
code does anything else with it, nothing is told.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, NamedTuple, Optional, Tuple

Row = Tuple[int, int, str]

_PUSH = re.compile(r"push\s+(?:%(r\w+)|\S+)")
_POP = re.compile(r"pop\s+%(r\w+)")
_MOVE = re.compile(r"(add|sub)\s+\$(-?0x[0-9a-f]+),%rsp")
_LEAVES = re.compile(r"(?:(?:bnd|rep\w*|notrack)\s+)*(?:ret|jmp|hlt|ud2)")
_UNKNOWN = re.compile(r"leave|(?:pushf|popf)|(?!cmp|test).*,%[er]sp$|xchg.*%rsp")


class FrameSize(NamedTuple):
    """``size``: bytes from the stack pointer to the return address. ``saved``: of each pushed register, bytes from the stack pointer to it."""

    size: int
    saved: Dict[str, int]


def frame_size(rows: Iterable[Row], pc: int) -> Optional[FrameSize]:
    """At ``pc``, from the rows (address, length, text of gdb's disassembly) of its function, which begin at the entry."""
    depth = 0
    places: Dict[str, int] = {}
    # As it was before the epilogue that the instruction stands in.
    body: Optional[Tuple[int, Dict[str, int]]] = None
    for address, _, text in rows:
        if address >= pc:
            break
        text = text.strip()
        move, push, pop = _MOVE.match(text), _PUSH.match(text), _POP.match(text)
        bytes_ = int(move.group(2), 16) * (1 if move.group(1) == "sub" else -1) if move is not None else 8 if push is not None else -8 if pop is not None else 0
        if bytes_ < 0 and body is None:
            body = depth, dict(places)
        elif bytes_ > 0:
            body = None
        elif bytes_ == 0 and _UNKNOWN.match(text) is not None:
            return None
        depth += bytes_
        if depth < 0:
            return None
        if push is not None and push.group(1):
            places.setdefault(push.group(1), depth)
        elif pop is not None and places.get(pop.group(1), 0) > depth:
            del places[pop.group(1)]
        if _LEAVES.match(text) is not None and body is not None:
            (depth, places), body = body, None
        elif text.startswith("call"):
            body = None
    return FrameSize(depth, {name: depth - at for name, at in places.items()})
