"""Where a pointer lies that malloc is said to have given: in or at one of its blocks, in Python's own allocator, on a stack, in a file's memory.

    struct malloc_chunk { size_t prev_size, size; ... }                                     glibc, malloc/malloc.c: the block is behind these two
    struct heap_info { mstate ar_ptr; ... }                                                 glibc, malloc/arena.c: at the begin of a thread's heap
    struct pool_header { uint count; block *freeblock; struct pool_header *next, *prev;     Objects/obmalloc.c
                         uint arenaindex, szidx, nextoffset, maxnextoffset; }
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Optional, Tuple

from ..elf import PF_W, PT_LOAD
from ..memory import MemoryFault, Reader
from .places import thread_stacks

MMAPPED, NON_MAIN_ARENA, FLAGS = 2, 4, 7
_SMALLEST = 65_536
_PAGE = 4096
_MOST_PAGES = 1 << 14
_MOST_CHUNKS = 1 << 20
_MOST_BYTES = 512 << 20
# A heap is known by its first blocks.
_FEWEST_CHUNKS = 3
_POOLS = (1 << 12, 1 << 14)
_LARGEST_SMALL = 512


def heap_base(address: int, word: int) -> int:
    """Of the heap of a thread's arena that an address lies in, if it does: HEAP_MAX_SIZE is 64 MiB, on 32 bits 1 MiB."""
    return address & ~((64 << 20 if word == 8 else 1 << 20) - 1)


def malloc_place(core: Any, pointer: int, sp: Optional[int]) -> Dict[str, Any]:
    """``kind`` and what belongs to it; ``sp``: of the crash.

    ``number``; ``unreadable``; ``stack``; ``file`` (``path``); ``python`` (``begin``, ``size`` of the block of pymalloc); ``inside``
    (``begin``, ``size`` of malloc's block); ``begin``: malloc gave it; ``heap``: of malloc's memory, more is not known; ``anonymous``: of no heap.
    """
    reader = Reader(core)
    word = core.pointer_size
    if pointer < _SMALLEST or pointer >= reader.address_mask + 1 - _PAGE:
        return {"kind": "number"}
    segment = core.segment_at(pointer)
    if segment is None or not reader.readable(pointer):
        path = _file_at(core, pointer)
        return {"kind": "unreadable"} if path is None else {"kind": "file", "path": path}
    if any(low <= pointer < high for low, high in thread_stacks(core, sp)):
        return {"kind": "stack"}
    path = _file_at(core, pointer)
    if path is not None:
        return {"kind": "file", "path": path}
    block = _pymalloc_block(reader, pointer)
    if block is not None:
        return {"kind": "python", "begin": "0x%x" % block[0], "size": block[1]}
    block = _mmapped_block(reader, segment, pointer)
    if block is None:
        known, block = _walked_block(reader, segment, pointer)
        if block is None:
            return {"kind": "heap" if known or _may_be_heap(core, reader, pointer, word) else "anonymous"}
    begin, size = block
    return {"kind": "begin"} if begin == pointer else {"kind": "inside", "begin": "0x%x" % begin, "size": size}


def _file_at(core: Any, address: int) -> Optional[str]:
    """Of a file's mapping, or of the zeroed memory (.bss) behind it where the file tells how far that goes."""
    for mapped in core.mappings:
        if mapped.start <= address < mapped.end:
            return mapped.path
    for module in core.modules:
        for segment in module.elf.segments if module.elf is not None else ():
            if segment.type == PT_LOAD and segment.flags & PF_W:
                if any(image.bias + segment.vaddr <= address < image.bias + segment.vaddr + segment.memsz for image in module.images()):
                    return module.path
    return None


def _pymalloc_block(reader: Reader, pointer: int) -> Optional[Tuple[int, int]]:
    """(begin, size) of the block in a pool whose header agrees with itself."""
    word = reader.pointer_size
    for size in _POOLS:
        pool = pointer & ~(size - 1)
        header = 4 * word + 16
        try:
            count = reader.uint(pool, 4)
            free = reader.pointer(pool + word)
            _, index, next_offset, last_offset = struct.unpack("=4I", reader.read(pool + 4 * word, 16))
        except MemoryFault:
            continue
        for align in (16, 8):
            block = (index + 1) * align
            blocks = (size - header) // block if block <= _LARGEST_SMALL else 0
            agrees = last_offset == size - block and next_offset <= size and (next_offset - header) % block == 0 and 0 < count <= blocks
            if agrees and (free == 0 or pool + header <= free < pool + size) and pointer >= pool + header:
                return pool + header + (pointer - pool - header) // block * block, block
    return None


def _mmapped_block(reader: Reader, segment: Any, pointer: int) -> Optional[Tuple[int, int]]:
    """(begin, size): a large block has a mapping of its own; the kernel joins it with its neighbours."""
    word = reader.pointer_size
    lowest = max(segment.start, (pointer & ~(_PAGE - 1)) - _MOST_PAGES * _PAGE)
    for page in range(pointer & ~(_PAGE - 1), lowest - 1, -_PAGE):
        try:
            before, size = reader.pointers(page, 2)
        except MemoryFault:
            return None
        length = size & ~FLAGS
        if before == 0 and size & FLAGS == MMAPPED and length % _PAGE == 0 and pointer < page + length <= segment.end:
            return page + 2 * word, length - 2 * word
    return None


def _walked_block(reader: Reader, segment: Any, pointer: int) -> Tuple[bool, Optional[Tuple[int, int]]]:
    """Whether the segment begins as the heap that brk() gives, and (begin, size) of the block that the chain of sizes leads to."""
    word = reader.pointer_size
    length = min(pointer + word - segment.start, segment.dumped)
    if length > _MOST_BYTES:
        return True, None
    try:
        data = b"".join(reader.read(at, min(32 << 20, segment.start + length - at)) for at in range(segment.start, segment.start + length, 32 << 20))
    except MemoryFault:
        return False, None
    size_at = struct.Struct("<Q" if word == 8 else "<I").unpack_from
    at = count = 0
    while at + 2 * word <= len(data) and count < _MOST_CHUNKS:
        (size,) = size_at(data, at + word)
        chunk = size & ~FLAGS
        if size & (MMAPPED | NON_MAIN_ARENA) or chunk < 4 * word or chunk % (2 * word) or segment.start + at + chunk > segment.end:
            return count >= _FEWEST_CHUNKS, None
        if pointer < segment.start + at + chunk + 2 * word:
            return True, (segment.start + at + 2 * word, chunk - word)
        at += chunk
        count += 1
    return count >= _FEWEST_CHUNKS, None


def _may_be_heap(core: Any, reader: Reader, pointer: int, word: int) -> bool:
    """In a thread's heap, or below all libraries, where brk()'s lies."""
    try:
        arena = reader.pointer(heap_base(pointer, word))
        if 0 < arena - heap_base(arena, word) <= 16 * word and reader.pointer(heap_base(arena, word)) == arena:
            return True
    except MemoryFault:
        pass
    libraries = [module.mappings[0][0] for module in core.modules if ".so" in module.name and module.mappings]
    return not libraries or pointer < min(libraries)
