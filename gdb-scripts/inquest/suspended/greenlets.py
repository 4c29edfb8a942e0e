"""Greenlets that wait, where the module is loaded.

A greenlet that runs keeps no frame; one that waits keeps its topmost ``PyFrameObject *``, in the object itself (greenlet 1) or in
the C++ object that the last word of it points to (2 and 3). The place moves between releases, so both are searched for a frame that
most of them have.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..frames.chain import Chain, chain_of_frame_object
from ..frames.describe import LocalsAllowance
from ..frames.image import Image
from ..frames.namespace import lookup, module_global
from ..heap.gc_lists import GcHeads, GcList
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .coroutines import type_name
from .heap import instances
from .pending import suspended_frames

_MOST_GREENLETS = 1_000
_MOST_SEARCHED = 10_000
_LARGEST_STATE = 40  # words

# Index of a word in the greenlet, and in the C++ object that it leads to (-1: the word itself).
_Place = Tuple[int, int]


def greenlets(
    image: Image, runtime: Any, chains: Mapping[int, Chain], lists: Sequence[GcList], most_frames: int, allowance: LocalsAllowance
) -> List[Dict[str, Any]]:
    """``Suspended`` entries of kind ``greenlet``; those of a derived class (gevent's, its hub) have its name."""
    found: List[Dict[str, Any]] = []
    told: "set[int]" = set()
    for interpreter in runtime.interpreters:
        kind = module_global(image, interpreter.modules, "greenlet", "greenlet") if interpreter.modules else 0
        if not kind:
            continue
        waiting = _top_frames(image, list(islice(instances(image, kind, seeds(image, interpreter, chains, lists)), _MOST_SEARCHED)))
        for address, frame in waiting.items():
            if frame in told or len(found) >= _MOST_GREENLETS:
                continue
            told.add(frame)
            try:
                chain = chain_of_frame_object(image, frame)
            except (MemoryFault, LayoutMissing):
                continue
            frames = suspended_frames(image, chain.frames[::-1], most_frames, allowance)
            found.append({"kind": "greenlet", "name": _class_name(image, address, kind), "state": "suspended", "awaited_by": [], "frames": frames})
    return found


def seeds(image: Image, interpreter: Any, chains: Mapping[int, Chain], lists: Sequence[GcList]) -> Iterator[int]:
    """Ways into the collector's rings: its own list heads where they are known, else tracked objects of every age: old ones first, then
    what the frames on the stacks are made of."""
    head = GcHeads(image).size
    yield from (one.base + head for one in lists)
    yield from (address for address in (interpreter.modules, interpreter.builtins) if address)
    for module in ("__main__", "greenlet", "asyncio.tasks"):
        address = lookup(image, interpreter.modules, module)
        if address:
            yield address
    for chain in chains.values():
        for frame in chain.frames[:50]:
            if image.layouts.has("PyThreadState", "frame"):
                yield frame.address
            namespace = _globals(image, frame.address)
            if namespace:
                yield namespace


def _class_name(image: Image, address: int, plain: int) -> Optional[str]:
    return type_name(image, address) or None if image.values.access.type_pointer(address) != plain else None


def _globals(image: Image, frame: int) -> int:
    struct = "PyFrameObject" if image.layouts.has("PyThreadState", "frame") else "_PyInterpreterFrame"
    return image.object_pointer(image.optional_pointer(frame, struct, "f_globals") or 0)


def _top_frames(image: Image, found: Sequence[int]) -> Dict[int, int]:
    """Greenlet to the ``PyFrameObject *`` that it keeps while it waits; those that run, have ended or have not begun are left out.

    All greenlets of a process keep it in the same place: the one in which most of them have a frame. Memory behind a state of C++ may hold
    pointers to other frames, dead ones too.
    """
    kept = {greenlet: _candidates(image, greenlet) for greenlet in found}
    number: Dict[_Place, int] = {}
    for places in kept.values():
        for place in places:
            number[place] = number.get(place, 0) + 1
    if not number:
        return {}
    chosen = min(number, key=lambda place: (-number[place], place))
    return {greenlet: places[chosen] for greenlet, places in kept.items() if chosen in places}


def _candidates(image: Image, greenlet: int) -> Dict[_Place, int]:
    """Live frame objects that the greenlet refers to, or that the first of its words that leads to no Python object leads to."""
    size = image.reader.pointer_size
    header = image.layouts.size("PyObject")
    places: Dict[_Place, int] = {}
    try:
        words = image.reader.pointers(greenlet + header, max(0, min(_LARGEST_STATE, (_basic_size(image, greenlet) - header) // size)))
    except (MemoryFault, LayoutMissing):
        return {}
    for at, word in enumerate(words):
        kind = type_name(image, word) if word else ""
        if kind == "frame" and not image.values.access.is_released(word):
            places[at, -1] = word
        if not word or kind:
            continue
        for index in range(_LARGEST_STATE):
            try:
                inner = image.reader.pointer(word + index * size)
                if inner and type_name(image, inner) == "frame" and not image.values.access.is_released(inner):
                    places[at, index] = inner
            except MemoryFault:
                break
    return places


def _basic_size(image: Image, address: int) -> int:
    return image.integer(image.values.access.type_pointer(address), "PyTypeObject", "tp_basicsize")
