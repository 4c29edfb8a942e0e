"""Every block of the debug allocators in the writable memory, found by the guard bytes before it and verified.

Blocks are found by what stands before them, not by pools and arenas: so those of pymalloc, of mimalloc and of malloc are found alike, in
every version, and a heap whose own records are damaged is searched as well. A freed block is filled as a whole and is none; nor is what
was left of one on a thread's stack, where registers are spilled.
"""

from __future__ import annotations

import re
import time
from typing import Any, Dict, Iterator, List, Tuple

from ..diagnose.debug_blocks import Guards, check_block

MOST_BLOCKS = 3_000_000
MOST_BYTES = 8 << 30
MOST_SECONDS = 30.0
MOST_DAMAGED = 50
_SIGNATURE = re.compile(rb"[rmo](?:\xfd{3,}|\xfb{3,})")
_LARGEST = 1 << 34


def check_heap(context: Any, stacks: List[Tuple[int, int]]) -> Dict[str, Any]:
    """``blocks`` verified and their ``bytes``, the ``damaged`` ones, and whether the search was ``whole`` within its limits. ``stacks``: as ``thread_stacks``."""
    core, image = context.core, context.image
    guards = Guards(image.version, image.reader.pointer_size)
    until = time.monotonic() + MOST_SECONDS
    blocks = size_of_all = searched = 0
    damaged: List[Dict[str, Any]] = []
    whole = True
    for segment in core.segments:
        if not segment.writable or not segment.dumped or segment.start % guards.word:
            continue
        searched += segment.dumped
        if searched > MOST_BYTES or not whole:
            whole = False
            break
        for address, sound, size in _blocks(core.elf.data, segment, guards):
            if any(low <= address < high for low, high in stacks):
                continue
            blocks += 1
            if sound:
                size_of_all += size
            elif len(damaged) < MOST_DAMAGED:
                found = check_block(image.reader, guards, address)
                if found is None:
                    blocks -= 1
                else:
                    damaged.append(found)
            if blocks >= MOST_BLOCKS or (blocks % 4096 == 0 and time.monotonic() > until):
                whole = False
                break
    return {"blocks": blocks, "bytes": size_of_all, "damaged": damaged, "whole": whole}


def _blocks(data: Any, segment: Any, guards: Guards) -> Iterator[Tuple[int, bool, int]]:
    """(address, whether both guards stand, size) of what looks like a block."""
    word, start, end = guards.word, segment.offset, segment.offset + segment.dumped
    delta = segment.start - start
    for match in _SIGNATURE.finditer(data, start, end):
        at = match.start()
        if (at + delta) % word or at - word < start:
            continue
        size = int.from_bytes(data[at - word : at], "big")
        begin = at + word
        if not 0 < size < _LARGEST or begin + size + word > end:
            continue
        guard = data[at + 1 : begin]
        sound = guard == guard[:1] * (word - 1) and data[begin + size : begin + size + word] == guard[:1] * word
        yield begin + delta, sound, size
