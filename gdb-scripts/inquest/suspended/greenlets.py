"""Greenlets that wait, where the module is loaded.

A greenlet that runs keeps no frame; one that waits keeps its topmost ``PyFrameObject *``, in the object itself (greenlet 1) or in
the C++ object that the last word of it points to (2 and 3). The place moves between releases, so both are searched for a frame.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping

from ..frames.chain import Chain, chain_of_frame_object
from ..frames.describe import LocalsAllowance
from ..frames.image import Image
from ..frames.namespace import lookup, module_global
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .coroutines import type_name
from .heap import instances
from .pending import suspended_frames

_MOST_GREENLETS = 1_000
_LARGEST_STATE = 40  # words


def greenlets(image: Image, runtime: Any, chains: Mapping[int, Chain], most_frames: int, allowance: LocalsAllowance) -> List[Dict[str, Any]]:
    """``Suspended`` entries of kind ``greenlet``."""
    found: List[Dict[str, Any]] = []
    told: "set[int]" = set()
    for interpreter in runtime.interpreters:
        kind = module_global(image, interpreter.modules, "greenlet", "greenlet") if interpreter.modules else 0
        if not kind:
            continue
        for address in instances(image, kind, seeds(image, interpreter, chains)):
            frame = _top_frame(image, address)
            if not frame or frame in told or len(found) >= _MOST_GREENLETS:
                continue
            told.add(frame)
            try:
                chain = chain_of_frame_object(image, frame)
            except (MemoryFault, LayoutMissing):
                continue
            frames = suspended_frames(image, chain.frames[::-1], most_frames, allowance)
            found.append({"kind": "greenlet", "name": None, "state": "suspended", "awaited_by": [], "frames": frames})
    return found


def seeds(image: Image, interpreter: Any, chains: Mapping[int, Chain]) -> Iterator[int]:
    """Tracked objects of every age: old ones first, then what the frames on the stacks are made of."""
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


def _globals(image: Image, frame: int) -> int:
    struct = "PyFrameObject" if image.layouts.has("PyThreadState", "frame") else "_PyInterpreterFrame"
    return image.object_pointer(image.optional_pointer(frame, struct, "f_globals") or 0)


def _top_frame(image: Image, greenlet: int) -> int:
    """The ``PyFrameObject *`` that a waiting greenlet keeps; 0 for one that runs, has ended or has not begun."""
    size = image.reader.pointer_size
    header = image.layouts.size("PyObject")
    try:
        words = image.reader.pointers(greenlet + header, max(0, min(_LARGEST_STATE, (_basic_size(image, greenlet) - header) // size)))
    except (MemoryFault, LayoutMissing):
        return 0
    for word in words:
        if type_name(image, word) == "frame":
            return word
    # The C++ object: whatever is no Python object is tried.
    for word in words:
        if not word or type_name(image, word):
            continue
        for index in range(_LARGEST_STATE):
            try:
                inner = image.reader.pointer(word + index * size)
            except MemoryFault:
                break
            if inner and type_name(image, inner) == "frame":
                return inner
    return 0


def _basic_size(image: Image, address: int) -> int:
    return image.integer(image.values.access.type_pointer(address), "PyTypeObject", "tp_basicsize")
