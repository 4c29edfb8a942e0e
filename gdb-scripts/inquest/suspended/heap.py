"""The objects that the garbage collector tracks: a last resort for what nothing in the heap names.

Each tracked object stands behind a ``PyGC_Head`` whose first word leads to the next one, in a ring for each generation.
Any tracked object leads into its ring, so that no address of the collector's own is needed. Free-threaded builds have no rings.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Set

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_MOST_OBJECTS = 1_000_000


def instances(image: Image, kind: int, seeds: Iterable[int]) -> Iterator[int]:
    """Tracked objects whose type is ``kind`` (a ``PyTypeObject *``) or derives from it, from the rings that ``seeds`` stand in."""
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
    if image.layouts.free_threaded or not image.layouts.has("PyGC_Head"):
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
