"""Which pointer free() or realloc() of glibc was given, by what its faulting instruction touched (malloc/malloc.c, malloc/arena.c).

It reads, in this order: the size in front of the block; of a block whose size says that it is of a thread's arena, the arena's address at the
begin of the heap, then the arena; the chunk behind the block; the one before it; and it writes to the block itself. Whose register explains the address is the block.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Sequence, Set

from ..heap.malloc_places import FLAGS, NON_MAIN_ARENA, heap_base
from ..memory import MemoryFault, Reader

_ARENA = 0x900
_PREVIOUS_IN_USE = 1


def pointer_of_fault(reader: Reader, registers: Dict[str, int], touched: Sequence[int], in_free: bool) -> Optional[int]:
    """``registers`` of the fault; ``touched``: the addresses of its instruction's operands. ``in_free``: in that function itself, not in what it calls."""
    word = reader.pointer_size
    values = set(registers.values())
    if in_free:
        for address in touched:
            # Its own register, or the chunk's, which begins two words before.
            pointer = (address + word) & reader.address_mask
            if not reader.readable(address) and values & {pointer, (pointer - 2 * word) & reader.address_mask}:
                return pointer
    # _int_free(arena, chunk, …) comes next.
    chunk = registers.get("rsi", registers.get("x1"))
    if chunk is not None and _explained(_by_arena, reader, chunk + 2 * word, touched):
        return chunk + 2 * word
    for explains in (_by_arena, _by_neighbour, _by_entry):
        found = {pointer for value in values for pointer in (value, value + 2 * word) if _explained(explains, reader, pointer, touched)}
        if len(found) == 1:
            return found.pop()
    return None


def pointer_of_message(reader: Reader, inner: Dict[str, int], outer: Dict[str, int]) -> Optional[int]:
    """When it gives up: the chunk in a register that its callees keep, whose size or next chunk another one holds. ``outer``: its caller's registers."""
    word = reader.pointer_size
    own: List[int] = [value for name, value in inner.items() if outer.get(name) != value]
    found: Set[int] = set()
    for chunk in own:
        try:
            size = reader.pointer(chunk + word)
        except MemoryFault:
            continue
        others = [value for value in own if value != chunk]
        if size and (size & ~FLAGS in others or (chunk + (size & ~FLAGS)) & reader.address_mask in others):
            found.add(chunk + 2 * word)
    return found.pop() if len(found) == 1 else None


Explains = Callable[[Reader, int], Iterator[range]]


def _explained(explains: Explains, reader: Reader, pointer: int, touched: Sequence[int]) -> bool:
    try:
        return any(address in part for part in explains(reader, pointer) for address in touched)
    except MemoryFault:
        return False


def _by_arena(reader: Reader, pointer: int) -> Iterator[range]:
    if reader.pointer(pointer - reader.pointer_size) & NON_MAIN_ARENA:
        base = heap_base(pointer - 2 * reader.pointer_size, reader.pointer_size)
        yield range(base, base + 1)
        arena = reader.pointer(base)
        yield range(arena, arena + _ARENA)


def _by_neighbour(reader: Reader, pointer: int) -> Iterator[range]:
    word = reader.pointer_size
    chunk = pointer - 2 * word
    before, size = reader.pointers(chunk, 2)
    length = size & ~FLAGS
    if length < 4 * word:
        return
    if not size & _PREVIOUS_IN_USE and before:
        previous = (chunk - before) & reader.address_mask
        yield range(previous + word, previous + 4 * word)
    behind = (chunk + length) & reader.address_mask
    yield range(behind, behind + 2 * word)
    next_length = reader.pointer(behind + word) & ~FLAGS
    yield range(behind + next_length + word, behind + next_length + 2 * word)


def _by_entry(reader: Reader, pointer: int) -> Iterator[range]:
    """What is written into the block when it is put into a list of free ones."""
    word = reader.pointer_size
    length = reader.pointer(pointer - word) & ~FLAGS
    if length >= 4 * word and length % (2 * word) == 0:
        yield range(pointer, pointer + 4 * word)
