"""The arguments of a native frame, where DWARF tells them."""

from __future__ import annotations

from typing import Optional, Tuple

import gdb


def frame_argument(frame: "gdb.Frame", names: Tuple[str, ...]) -> Optional[int]:
    """The first argument of the frame's function that has one of the names and a value that can be read."""
    try:
        block = frame.block()
    except (RuntimeError, gdb.error):
        return None
    while block is not None and block.function is None:
        block = block.superblock
    for symbol in block or ():
        if symbol.is_argument and symbol.name in names:
            try:
                return int(symbol.value(frame))
            except (gdb.error, RuntimeError, ValueError):
                continue
    return None
