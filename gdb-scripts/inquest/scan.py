"""The last rung: pointers to an interpreter among the words of writable memory.

Each word that could be a pointer is followed to where a ``PyInterpreterState`` keeps its newest thread state, and from there
back: only a word whose thread state points back to it is looked at any further. Few pairs of offsets cover all versions, so one
pass serves every layout. Small segments come first (``.data`` and ``.bss`` are small), bounded by ``_LARGEST`` bytes and
``_MOST_FOLLOWED`` pointers in all: a heap may consist of nothing but pointers.
"""

from __future__ import annotations

import array
import bisect
import sys
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from .core_file import CoreMemory, Segment
from .interpreters import read_all, read_interpreter
from .layout.model import LayoutMissing, Layouts
from .memory import MemoryFault, Reader
from .sysdict import fields_of

_LARGEST = 256 << 20
_MOST_FOLLOWED = 4 << 20
_STEP = 1 << 20
_MOST_SURVIVORS = 4096
_MOST_REMEMBERED = 1 << 20
_MOST_COMPARED = 256

Offsets = Tuple[int, int]
"""Where an interpreter keeps its newest thread state, and where that keeps its interpreter."""


def offsets_of(layouts: Layouts) -> Optional[Offsets]:
    try:
        return fields_of(layouts, "PyInterpreterState", "threads.head", "tstate_head"), layouts.offset("PyThreadState", "interp")
    except LayoutMissing:
        return None


class _Area:
    """The words of one writable segment, without a copy of them."""

    def __init__(self, core: CoreMemory, segment: Segment) -> None:
        size = core.pointer_size
        count = segment.dumped // size
        self.start = segment.start
        self.end = segment.start + count * size
        raw = memoryview(core.elf.data)[segment.offset : segment.offset + count * size]
        self.words: Sequence[int]
        if core.byte_order == sys.byteorder:
            self.words = raw.cast("Q" if size == 8 else "I")
        else:
            self.words = array.array("Q" if size == 8 else "I", raw)
            self.words.byteswap()
            raw.release()

    def release(self) -> None:
        if isinstance(self.words, memoryview):
            self.words.release()


class Scan:
    """One pass over some segments, for all the given pairs of offsets."""

    def __init__(self, core: CoreMemory, segments: Iterable[Segment], pairs: Iterable[Offsets]) -> None:
        size = core.pointer_size
        self.survivors: Dict[Offsets, Set[int]] = {pair: set() for pair in pairs}
        self._shift = size.bit_length() - 1
        self._heads: Dict[int, List[Tuple[int, Set[int]]]] = {}
        for (head_at, back_at), survivors in self.survivors.items():
            if head_at % size == 0 and back_at % size == 0:
                self._heads.setdefault(head_at // size, []).append((back_at // size, survivors))
        self._areas = [_Area(core, segment) for segment in core.segments if segment.writable and segment.dumped >= size and segment.start % size == 0]
        self._starts = [area.start for area in self._areas]
        try:
            self._run({segment.start for segment in segments}, size)
        finally:
            for area in self._areas:
                area.release()

    def _run(self, wanted: Set[int], size: int) -> None:
        if not self._areas:
            return
        low, high, align, left, follows = self._areas[0].start, self._areas[-1].end, size - 1, _LARGEST, _MOST_FOLLOWED
        step = _STEP // size
        seen: Set[int] = set()
        for area in sorted((area for area in self._areas if area.start in wanted), key=lambda area: area.end - area.start):
            for at in range(0, len(area.words), step):
                left -= _STEP
                if left < 0:
                    return
                pointers = {word for word in area.words[at : at + step] if low <= word < high and not word & align}
                fresh = pointers - seen
                follows -= len(fresh)
                if follows < 0:
                    return
                for pointer in fresh:
                    self._follow(pointer)
                seen |= pointers
                if len(seen) > _MOST_REMEMBERED:
                    seen.clear()

    def _follow(self, pointer: int) -> None:
        """Keeps a pointer whose thread state, by one of the pairs, points back to it."""
        area = self._areas[bisect.bisect_right(self._starts, pointer) - 1]
        at = pointer - area.start >> self._shift
        words = area.words
        for head_at, backs in self._heads.items():
            if at + head_at >= len(words):
                continue
            head = words[at + head_at]
            index = bisect.bisect_right(self._starts, head) - 1
            if index < 0 or head >= self._areas[index].end:
                continue
            found = self._areas[index]
            inside = head - found.start >> self._shift
            for back_at, survivors in backs:
                if inside + back_at < len(found.words) and found.words[inside + back_at] == pointer and len(survivors) < _MOST_SURVIVORS:
                    survivors.add(pointer)

    def interpreters(self, reader: Reader, layouts: Layouts) -> List[int]:
        """The interpreters found, strictly validated; first the one from which most others are reached: lists begin with the newest."""
        pair = offsets_of(layouts)
        survivors = self.survivors.get(pair, set()) if pair is not None else set()
        found = [address for address in sorted(survivors) if read_interpreter(reader, layouts, address, strict=True) is not None]
        return sorted(found, key=lambda address: -len(read_all(reader, layouts, address))) if 1 < len(found) <= _MOST_COMPARED else found


def places_of(core: CoreMemory, segments: Iterable[Segment], value: int) -> Iterator[int]:
    """The aligned addresses where a word lies in the dumped parts of ``segments``."""
    word = value.to_bytes(core.pointer_size, "little" if core.byte_order == "little" else "big")
    # Memory is full of zeros: a search for bytes that are none takes a tenth of the time.
    needle = word.strip(b"\0") or word
    before = word.index(needle)
    for segment in segments:
        at, end = segment.offset - 1, segment.offset + segment.dumped
        for _ in range(4096):
            at = core.elf.find(needle, at + 1, end)
            if at < 0:
                break
            address = segment.start + at - before - segment.offset
            if address % core.pointer_size == 0 and core.elf.data[at - before : at - before + core.pointer_size] == word:
                yield address


def runtime_of(reader: Reader, layouts: Layouts, places: Iterable[int], head: int, main: int) -> Optional[int]:
    """``_PyRuntime``'s address, from the places of a pointer to the newest interpreter: there ``interpreters.main`` must hold the main one."""
    if not layouts.has("_PyRuntimeState", "interpreters.head"):
        return None
    for at in places:
        address = at - layouts.offset("_PyRuntimeState", "interpreters.head")
        try:
            if layouts.has("_PyRuntimeState", "interpreters.main"):
                if reader.pointer(address + layouts.offset("_PyRuntimeState", "interpreters.main")) != main:
                    continue
            if reader.pointer(address + layouts.offset("_PyRuntimeState", "interpreters.head")) == head:
                return address
        except MemoryFault:
            continue
    return None
