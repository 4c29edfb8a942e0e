"""Whether an object that something still refers to was given back: by its reference count, the filling of the debug hooks, the allocator's link.

A freed block of pymalloc (Objects/obmalloc.c) begins with the link to the next free block of its pool; where the object stands at the begin of its
block, that is where its count was. The count of an object that someone may use is 1 or more; immortal objects (3.12+, PEP 683) have the upper
bit of the lower 32 set. Builds without the GIL count otherwise: of them only the filling tells.
"""

from __future__ import annotations

from typing import Optional

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .object_state import state_of

_IMMORTAL = 1 << 31
_LOW = 0xFFFFFFFF


def reference_count(image: Image, address: int) -> Optional[int]:
    """``ob_refcnt``; None where it counts nothing: of immortal objects, and in builds without the GIL."""
    if image.layouts.free_threaded:
        return None
    try:
        count = image.integer(address, "PyObject", "ob_refcnt")
    except (MemoryFault, LayoutMissing):
        return None
    if image.version >= (3, 12):
        return None if count & _IMMORTAL else count & _LOW
    return count


def release_state(image: Image, address: int, hooks: Optional[bool]) -> Optional[str]:
    """``freed`` (filled by the hooks), ``free_block``, ``no_references``; None when nothing says that it was given back.

    ``hooks``: whether the debug hooks are on; None when that is not known.
    """
    state = state_of(image, address)
    if state == "freed":
        return None if hooks is False or _is_filling(image, address) else "freed"
    if state != "whole" or image.layouts.free_threaded:
        return None
    if _links_within_pool(image, address):
        return "free_block"
    count = reference_count(image, address)
    return "no_references" if count is not None and count <= 0 else None


def _is_filling(image: Image, address: int) -> bool:
    """The pointer itself is filling: whoever held it was freed, it leads to no object."""
    return len(set(address.to_bytes(image.reader.pointer_size, "little"))) == 1


def _links_within_pool(image: Image, address: int) -> bool:
    """Instead of a count stands the address of another block of the same pool (4 KiB, from 3.10 on 16 KiB)."""
    try:
        word = image.reader.pointer(address + image.layouts.offset("PyObject", "ob_refcnt"))
    except (MemoryFault, LayoutMissing):
        return False
    pool = 14 if image.version >= (3, 10) else 12
    aligned = word % (2 * image.reader.pointer_size) == 0 if image.version >= (3, 7) else word % 8 == 0
    return aligned and word != address and word >> pool == address >> pool
