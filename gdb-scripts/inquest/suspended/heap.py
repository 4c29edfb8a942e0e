"""The objects that the garbage collector tracks: a last resort for what nothing in the heap names.

Each tracked object stands behind a ``PyGC_Head`` whose first word leads to the next one, in a ring for each generation.
Any tracked object leads into its ring, so that no address of the collector's own is needed.

Free-threaded builds have no rings: there the collector walks the allocator's pages, and an object says in ``ob_gc_bits`` that it is
tracked (pycore_gc.h). Instances of one type are found by the pointer to it that each begins with.
"""

from __future__ import annotations

from typing import Iterable, Iterator, List, Set

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..scan import places_of

_MOST_OBJECTS = 1_000_000
_MOST_SUBCLASSES = 100
_TRACKED = 1  # _PyGC_BITS_TRACKED


def instances(image: Image, kind: int, seeds: Iterable[int]) -> Iterator[int]:
    """Tracked objects whose type is ``kind`` (a ``PyTypeObject *``) or derives from it, from the rings that ``seeds`` stand in."""
    if image.layouts.free_threaded:
        for each in [kind, *_subclasses(image, kind)]:
            yield from _pointing_at(image, each)
        return
    wanted = {kind: True}
    type_offset = image.layouts.offset("PyObject", "ob_type")
    for address in _tracked(image, seeds):
        try:
            own = image.reader.pointer(address + type_offset)
        except MemoryFault:
            continue
        if own not in wanted:
            wanted[own] = _derives(image, own, kind)
        if wanted[own]:
            yield address


def _tracked(image: Image, seeds: Iterable[int]) -> Iterator[int]:
    if not image.layouts.has("PyGC_Head"):
        return
    head = image.layouts.size("PyGC_Head")
    visited: Set[int] = set()
    for seed in seeds:
        node = seed - head
        while node > 0 and node not in visited and len(visited) < _MOST_OBJECTS:
            visited.add(node)
            yield node + head
            try:
                node = image.reader.pointer(node) & ~3
            except MemoryFault:
                break


def _subclasses(image: Image, kind: int) -> List[int]:
    """``tp_subclasses`` and those of its members: a dict of weak references, for types that an extension or Python code made."""
    found: List[int] = []
    pending = [kind]
    while pending and len(found) < _MOST_SUBCLASSES:
        try:
            table = image.pointer(pending.pop(), "PyTypeObject", "tp_subclasses")
            references = [value for _, value in image.values.dict_items(table)] if table else []
            below = [image.pointer(each, "PyWeakReference", "wr_object") for each in references[:_MOST_SUBCLASSES]]
        except (MemoryFault, LayoutMissing):
            continue
        fresh = [each for each in below if each and each not in found]
        found += fresh
        pending += fresh
    return found[:_MOST_SUBCLASSES]


def _pointing_at(image: Image, kind: int) -> Iterator[int]:
    """Free-threaded builds: tracked objects in writable memory whose ``ob_type`` is ``kind``."""
    memory = image.reader.memory
    segments = getattr(memory, "segments", None)
    if segments is None or not image.layouts.has("PyObject", "ob_gc_bits"):
        return
    inside = image.layouts.offset("PyObject", "ob_type")
    for place in places_of(memory, [each for each in segments if each.writable], kind):  # type: ignore[arg-type]
        address = place - inside
        if (image.optional_integer(address, "PyObject", "ob_gc_bits", signed=False) or 0) & _TRACKED:
            yield address


def _derives(image: Image, kind: int, base: int) -> bool:
    """Along ``tp_base``; anything that is no type has no such chain."""
    if kind % image.reader.pointer_size:
        return False
    for _ in range(16):
        try:
            kind = image.pointer(kind, "PyTypeObject", "tp_base")
        except (MemoryFault, LayoutMissing):
            return False
        if kind == base:
            return True
        if not kind or kind % image.reader.pointer_size:
            return False
    return False
