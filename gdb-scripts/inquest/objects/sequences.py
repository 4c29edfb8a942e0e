"""tuple, list and collections.deque: the pointers to their items.

Objects/tupleobject.c, Objects/listobject.c, Modules/_collectionsmodule.c.
"""

from __future__ import annotations

from typing import Iterator, List, Tuple

from .access import Access
from .limits import Damaged

_LARGEST = 1 << 44


def read_tuple(access: Access, address: int, limit: int) -> Tuple[List[int], int]:
    """``PyTupleObject *``: its first ``limit`` items and its length."""
    size = access.var_size(address)
    if not 0 <= size < _LARGEST:
        raise Damaged(address, "tuple whose size says %d" % size)
    return access.reader.pointers(address + access.offset("PyTupleObject", "ob_item"), min(size, limit)) if size else [], size


def read_list(access: Access, address: int, limit: int) -> Tuple[List[int], int]:
    """``PyListObject *``: its first ``limit`` items and its length."""
    size = access.var_size(address)
    allocated = access.ssize(address, "PyListObject", "allocated")
    # list.sort() sets allocated to -1 and the size to 0 while it works on the items.
    if not 0 <= size < _LARGEST or (size > allocated and allocated >= 0):
        raise Damaged(address, "list whose size says %d (%d allocated)" % (size, allocated))
    if not size:
        return [], 0
    return access.reader.pointers(access.pointer(address, "PyListObject", "ob_item"), min(size, limit)), size


def deque_size(access: Access, address: int) -> int:
    """The number of items of a ``dequeobject *``."""
    size = access.ssize(address, "dequeobject", "len") if access.has("dequeobject", "len") else access.var_size(address)
    if not 0 <= size < _LARGEST:
        raise Damaged(address, "deque whose size says %d" % size)
    return size


def iterate_deque(access: Access, address: int) -> Iterator[int]:
    """The items of a ``dequeobject *`` from the left, block by block (64 items each, 62 in 2.7)."""
    left = deque_size(access, address)
    step = access.pointer_size
    data = access.field("block", "data")
    per_block = data.size // step
    block = access.pointer(address, "dequeobject", "leftblock")
    index = access.ssize(address, "dequeobject", "leftindex")
    seen = set()
    while left > 0:
        if not 0 <= index < per_block:
            raise Damaged(address, "deque whose index says %d" % index)
        if block in seen:
            raise Damaged(address, "deque whose blocks form a cycle")
        seen.add(block)
        count = min(left, per_block - index)
        for item in access.reader.pointers(block + data.offset + index * step, count):
            yield item
        left -= count
        index = 0
        if left:
            block = access.pointer(block, "block", "rightlink")
