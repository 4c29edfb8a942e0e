"""The lists of objects that the cyclic garbage collector tracks, and the counts that it writes into them while it works.

Each tracked object stands behind a ``PyGC_Head`` (Include/internal/pycore_gc.h; up to 3.7 Include/objimpl.h). While a collection
decides what is garbage (``update_refs`` to ``move_unreachable`` of Modules/gcmodule.c, Python/gc.c), the heads of the objects in question
hold counts: ``gc_refs`` up to 3.7, later the upper bits of ``_gc_prev`` beside the flag "collecting". Before and after, and also while
finalizers run, ``_gc_prev`` is a link again and ``gc_refs`` a negative state. So such a head proves that the counting was under way.
Builds without the GIL have no such lists.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Set

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_FLAGS = 3
_COLLECTING = 2
_MOST_REFS = 1 << 40
_GENERATIONS = 3

Symbol = Callable[[str], Optional[int]]


class GcList(NamedTuple):
    """``generation`` is None for spaces that are no generation of their own; ``base`` is the ``PyGC_Head *`` that closes the ring."""

    name: str
    generation: Optional[int]
    base: int


class Broken(NamedTuple):
    """A list that cannot be followed: ``object`` is the last one reached (0: the list's own head), ``link`` what stands where the next one should."""

    list: GcList
    object: int
    link: int


class GcHeads:
    """Reads heads. ``usable`` is False where this interpreter has none."""

    def __init__(self, image: Image) -> None:
        self.image = image
        layouts = image.layouts
        self.usable = layouts.has("PyGC_Head") and not layouts.free_threaded
        self.size = layouts.size("PyGC_Head") if self.usable else 0
        self._counts = self.usable and layouts.has("PyGC_Head", "gc.gc_refs")

    def next(self, head: int) -> int:
        """The link to the next head, without flags."""
        word = self.image.reader.pointer(head)
        return word if self._counts else word & ~_FLAGS

    def count_under_way(self, head: int) -> Optional[int]:
        """The collector's count of references from outside, while it is at work on this object; None otherwise. May be negative."""
        image = self.image
        if self._counts:
            refs = image.integer(head, "PyGC_Head", "gc.gc_refs")
            refs >>= 0 if image.version[0] == 2 else 1
            return refs if 0 <= refs < _MOST_REFS else None
        word = image.pointer(head, "PyGC_Head", "_gc_prev")
        if not word & _COLLECTING:
            return None
        refs = word >> 2
        limit = 1 << (8 * image.reader.pointer_size - 2)
        if refs >= limit - 65_536:
            return refs - limit
        if refs >= _MOST_REFS:
            return None
        try:
            # A heap at low addresses: what looks like a count may be a link.
            if self.next(word & ~_FLAGS) == head:
                return None
        except MemoryFault:
            pass
        return refs


def gc_lists(image: Image, runtime: Any, interpreters: Iterable[Any], symbol: Symbol) -> List[GcList]:
    """Every list there is a variable of: the generations, the spaces of 3.14, what ``gc.freeze()`` put aside."""
    if not GcHeads(image).usable or not image.layouts.has("gc_generation"):
        return []
    found: List[GcList] = []
    if image.layouts.has("PyInterpreterState", "gc.collecting"):
        for interpreter in interpreters:
            found += _of_state(image, interpreter.address, "PyInterpreterState")
    elif runtime.address and image.layouts.has("_PyRuntimeState", "gc.collecting"):
        found += _of_state(image, runtime.address, "_PyRuntimeState")
    else:
        found += _of_statics(image, symbol)
    return found


def _of_state(image: Image, address: int, struct: str) -> List[GcList]:
    layouts, size = image.layouts, image.layouts.size("gc_generation")
    found: List[GcList] = []
    for name, number in (("generations", _GENERATIONS), ("young", 1), ("old", 2), ("permanent_generation", 1)):
        if not layouts.has(struct, "gc." + name):
            continue
        start = address + layouts.offset(struct, "gc." + name)
        for index in range(number):
            generation = index if name == "generations" else 0 if name == "young" else None
            title = {"generations": "generation %d" % index, "young": "young", "old": "old space %d" % index}.get(name, "permanent generation")
            found.append(GcList(title, generation, start + index * size))
    return found


def _of_statics(image: Image, symbol: Symbol) -> List[GcList]:
    """2.7 and 3.6: ``PyGC_Head *_PyGC_generation0``, the first of the static generations."""
    pointer = symbol("_PyGC_generation0")
    try:
        start = image.reader.pointer(pointer) if pointer else 0
    except MemoryFault:
        return []
    size = image.layouts.size("gc_generation")
    return [GcList("generation %d" % index, index, start + index * size) for index in range(_GENERATIONS)] if start else []


def walk(heads: GcHeads, one: GcList, visited: Set[int], most: int, broken: List[Broken]) -> Iterator[int]:
    """The objects of a list (``PyObject *``), each once for all lists that share ``visited``; a link that leads nowhere goes to ``broken``."""
    before = 0
    try:
        link = heads.next(one.base)
    except (MemoryFault, LayoutMissing):
        return
    while len(visited) < most and link != one.base and link not in visited:
        try:
            if link % heads.image.reader.pointer_size:
                raise MemoryFault(link, 0, "unmapped")
            following = heads.next(link)
        except MemoryFault as fault:
            if fault.why in ("unmapped", "implausible range"):
                broken.append(Broken(one, before, link))
            return
        visited.add(link)
        before = link + heads.size
        yield before
        link = following
