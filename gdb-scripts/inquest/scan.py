"""The last rung: pointers to an interpreter among the words of writable memory.

Each word that could be a pointer is followed to where a ``PyInterpreterState`` keeps its newest thread state, and from there
back: only a word whose thread state points back to it is looked at any further. Few pairs of offsets cover all versions, so one
pass serves every layout. Small segments come first (``.data`` and ``.bss`` are small), bounded by ``_LARGEST`` bytes in all.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

from .core_file import CoreMemory, Segment
from .interpreters import read_interpreter
from .layout.model import LayoutMissing, Layouts
from .memory import MemoryFault, Reader
from .sysdict import fields_of

_LARGEST = 256 << 20
_STEP = 1 << 20
_MOST_SURVIVORS = 4096

Offsets = Tuple[int, int]
"""Where an interpreter keeps its newest thread state, and where that keeps its interpreter."""


def offsets_of(layouts: Layouts) -> Optional[Offsets]:
    try:
        return fields_of(layouts, "PyInterpreterState", "threads.head", "tstate_head"), layouts.offset("PyThreadState", "interp")
    except LayoutMissing:
        return None


class Scan:
    """One pass over some segments, for all the given pairs of offsets."""

    def __init__(self, core: CoreMemory, segments: Iterable[Segment], pairs: Iterable[Offsets]) -> None:
        self._core = core
        self._segments = sorted((s for s in segments if s.writable and s.dumped), key=lambda s: s.dumped)
        self._order = core.byte_order
        writable = [segment for segment in core.segments if segment.writable and segment.dumped]
        self._low = writable[0].start if writable else 0
        self._high = writable[-1].start + writable[-1].dumped if writable else 0
        self._left = _LARGEST
        self.survivors: Dict[Offsets, Set[int]] = {pair: set() for pair in pairs}
        self._run()

    def _run(self) -> None:
        low, high, align = self._low, self._high, self._core.pointer_size - 1
        for words in self._words():
            pointers = {word for word in words if low <= word < high and not word & align}
            for pair, survivors in self.survivors.items():
                if len(survivors) < _MOST_SURVIVORS:
                    survivors.update(word for word in pointers if self._points_back(word, pair))

    def _words(self) -> Iterator[Tuple[int, ...]]:
        size = self._core.pointer_size
        code = ("<" if self._order == "little" else ">") + "%d" + ("Q" if size == 8 else "I")
        for segment in self._segments:
            at = segment.start
            end = segment.start + segment.dumped // size * size
            while at < end and self._left > 0:
                count = min(_STEP, end - at) // size
                if count == 0:
                    break
                yield struct.unpack(code % count, self._core.read(at, count * size))
                at += count * size
                self._left -= count * size

    def _points_back(self, word: int, pair: Offsets) -> bool:
        size, read = self._core.pointer_size, self._core.read
        order = "little" if self._order == "little" else "big"
        try:
            head = int.from_bytes(read(word + pair[0], size), order)
            if head < self._low or head >= self._high or head % size:
                return False
            return int.from_bytes(read(head + pair[1], size), order) == word
        except MemoryFault:
            return False

    def interpreters(self, reader: Reader, layouts: Layouts) -> List[int]:
        """The interpreters found, strictly validated, newest first where that can be told."""
        pair = offsets_of(layouts)
        survivors = self.survivors.get(pair, set()) if pair is not None else set()
        found = [address for address in sorted(survivors) if read_interpreter(reader, layouts, address, strict=True) is not None]
        nexts = set()
        for address in found:
            try:
                nexts.add(reader.pointer(address + layouts.offset("PyInterpreterState", "next")))
            except MemoryFault:
                continue
        return sorted(found, key=lambda address: address in nexts)


def places_of(core: CoreMemory, segments: Iterable[Segment], value: int) -> Iterator[int]:
    """The aligned addresses where a word lies in the dumped parts of ``segments``."""
    needle = value.to_bytes(core.pointer_size, "little" if core.byte_order == "little" else "big")
    for segment in segments:
        at, end = segment.offset - 1, segment.offset + segment.dumped
        for _ in range(4096):
            at = core.elf.data.find(needle, at + 1, end)
            if at < 0:
                break
            address = segment.start + at - segment.offset
            if address % core.pointer_size == 0:
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
