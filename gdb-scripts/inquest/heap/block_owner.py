"""What lives in a block of memory: an object, or a table that one of the tracked objects holds."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .gc_lists import GcHeads, gc_lists
from .object_state import state_of
from .referrers import Referrers, owner_chain

_MOST_REFERENCES = 1 << 40


class BlockOwners:
    """Asked for a few blocks of a report; the pass over the heap is made once, and only when it is needed."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._referrers: Optional[Referrers] = None

    def owner(self, address: int) -> Dict[str, Any]:
        """``type`` of the object in the block (null: none), ``offset`` where it begins, ``held_by``: who refers to it, outwards."""
        context, image = self._context, self._context.image
        offset, kind = self._object_in(address)
        if self._referrers is None:
            lists = gc_lists(image, context.runtime, context.runtime.interpreters, context.symbol)
            self._referrers = Referrers(image, context.core, lists)
        held = owner_chain(self._referrers, context.runtime.interpreters, context.chains, address + offset)
        return {"type": kind, "offset": offset, "held_by": held}

    def _object_in(self, address: int) -> "tuple[int, Optional[str]]":
        """An object stands at the block's begin, behind a ``PyGC_Head``, or behind that and what 3.11 and newer put before it."""
        image = self._context.image
        head = GcHeads(image).size
        word = image.reader.pointer_size
        for offset in dict.fromkeys((head, head + 2 * word, head + word, 0)):
            try:
                count = image.optional_integer(address + offset, "PyObject", "ob_refcnt")
                if state_of(image, address + offset) == "whole" and count is not None and 0 < count < _MOST_REFERENCES:
                    return offset, image.values.type_name(address + offset)
            except (MemoryFault, LayoutMissing):
                continue
        return 0, None
