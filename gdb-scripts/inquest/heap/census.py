"""A census, on request: the objects that the collector tracks, by type, with their bytes.

Every list of every interpreter is walked; the bytes of an object are ``tp_basicsize`` and its items with the head before it, as
``sys.getsizeof`` has them but for what a type adds of its own. Builds without the GIL have no lists, and no census.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Set

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .gc_lists import Broken, GcHeads, gc_lists, walk
from .object_state import object_size

MOST_OBJECTS = 5_000_000
MOST_SECONDS = 45.0
_MOST_TYPES = 200
_BETWEEN_LOOKS = 4_096


class _Kind:
    def __init__(self, name: str, info: Any) -> None:
        self.name = name
        self.info = info
        self.count = 0
        self.bytes = 0


def census(context: Any) -> Optional[Dict[str, Any]]:
    """``census`` of the report; None where it was not asked for, or where there are no lists."""
    if not context.manifest.get("options", {}).get("census"):
        return None
    image = context.image
    heads = GcHeads(image)
    lists = gc_lists(image, context.runtime, context.runtime.interpreters, context.symbol)
    if not lists:
        return None
    kinds: Dict[int, Optional[_Kind]] = {}
    visited: Set[int] = set()
    broken: List[Broken] = []
    until = time.monotonic() + MOST_SECONDS
    objects = unreadable = 0
    late = False
    for one in lists:
        for address in walk(heads, one, visited, MOST_OBJECTS, broken):
            objects += 1
            if objects % _BETWEEN_LOOKS == 0 and time.monotonic() > until:
                late = True
                break
            kind = _kind_of(image, kinds, address)
            if kind is None:
                unreadable += 1
                continue
            kind.count += 1
            try:
                kind.bytes += heads.size + object_size(image, address, kind.info)
            except (MemoryFault, LayoutMissing):
                continue
        if late:
            break
    found = sorted((kind for kind in kinds.values() if kind is not None and kind.count), key=lambda kind: (-kind.bytes, -kind.count, kind.name))
    return {
        "objects": objects,
        "unreadable": unreadable,
        "types": len(found),
        "whole": not late and not broken and len(visited) < MOST_OBJECTS,
        "by_type": [{"type": kind.name, "count": kind.count, "bytes": kind.bytes} for kind in found[:_MOST_TYPES]],
    }


def _kind_of(image: Any, kinds: Dict[int, Optional[_Kind]], address: int) -> Optional[_Kind]:
    try:
        pointer = image.values.access.type_pointer(address)
        if pointer not in kinds:
            kinds[pointer] = None
            info = image.values.type_info(pointer)
            kinds[pointer] = _Kind(info.full_name[:200], info)
        return kinds[pointer]
    except (MemoryFault, LayoutMissing):
        return None
