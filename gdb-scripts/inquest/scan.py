"""The last rung: pointers to an interpreter among the words of writable memory, with a layout in hand.

Each word that could be a pointer is followed to where a ``PyInterpreterState`` keeps its newest thread state, and from there
back: only a word whose thread state points back to it is looked at any further. Bounded by ``_LARGEST``.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from .core_file import CoreMemory, Segment
from .interpreters import read_interpreter
from .layout.model import LayoutMissing, Layouts
from .memory import MemoryFault, Reader
from .sysdict import fields_of

_LARGEST = 64 << 20
_STEP = 1 << 20


def words(core: CoreMemory, segments: Iterable[Segment]) -> Iterator[Tuple[int, Tuple[int, ...]]]:
    """(address, words) of the dumped memory, a megabyte at a time, as far as ``_LARGEST`` bytes."""
    size = core.pointer_size
    code = ("<" if core.byte_order == "little" else ">") + "%d" + ("Q" if size == 8 else "I")
    left = _LARGEST
    for segment in segments:
        at = segment.start
        end = segment.start + segment.dumped // size * size
        while at < end and left > 0:
            count = min(_STEP, end - at, left) // size
            if count == 0:
                break
            yield at, struct.unpack(code % count, core.read(at, count * size))
            at += count * size
            left -= count * size


def find_interpreters(reader: Reader, core: CoreMemory, segments: List[Segment], layouts: Layouts) -> Dict[int, List[int]]:
    """Interpreters (strictly validated) that words of ``segments`` point to, each with the addresses of those words."""
    try:
        head_at = fields_of(layouts, "PyInterpreterState", "threads.head", "tstate_head")
        back_at = layouts.offset("PyThreadState", "interp")
    except LayoutMissing:
        return {}
    writable = [segment for segment in core.segments if segment.writable and segment.dumped]
    if not writable:
        return {}
    low, high = writable[0].start, writable[-1].start + writable[-1].dumped
    align = core.pointer_size - 1
    known: Dict[int, bool] = {}
    found: Dict[int, List[int]] = {}
    for base, values in words(core, segments):
        for index, value in enumerate(values):
            if value < low or value >= high or value & align:
                continue
            good = known.get(value)
            if good is None:
                good = known[value] = _points_back(core, value, head_at, back_at, low, high) and (
                    read_interpreter(reader, layouts, value, strict=True) is not None
                )
            if good:
                found.setdefault(value, []).append(base + index * core.pointer_size)
    return found


def _points_back(core: CoreMemory, value: int, head_at: int, back_at: int, low: int, high: int) -> bool:
    size, order = core.pointer_size, core.byte_order
    try:
        head = int.from_bytes(core.read(value + head_at, size), "little" if order == "little" else "big")
        if head < low or head >= high or head % size:
            return False
        return int.from_bytes(core.read(head + back_at, size), "little" if order == "little" else "big") == value
    except MemoryFault:
        return False


def head_of(reader: Reader, layouts: Layouts, found: Iterable[int]) -> Optional[int]:
    """The interpreter among ``found`` that is nobody's ``next``: the newest."""
    found = list(found)
    nexts = set()
    for address in found:
        try:
            nexts.add(reader.pointer(address + layouts.offset("PyInterpreterState", "next")))
        except MemoryFault:
            continue
    heads = [address for address in found if address not in nexts]
    return heads[0] if heads else (found[0] if found else None)


def runtime_of(reader: Reader, layouts: Layouts, head: int, words_at: List[int], main: int) -> Optional[int]:
    """``_PyRuntime``'s address, from where a pointer to the newest interpreter lies: there ``interpreters.main`` must hold the main one."""
    if not layouts.has("_PyRuntimeState", "interpreters.head"):
        return None
    for at in words_at:
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
