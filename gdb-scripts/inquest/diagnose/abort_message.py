"""What glibc had to say before it aborted: ``struct abort_msg_s { unsigned int size; char msg[]; } *__abort_msg``.

``__libc_message`` and ``__assert_fail`` keep it for debuggers (sysdeps/posix/libc_fatal.c, assert/assert.c). The variable is exported
(GLIBC_PRIVATE), so a stripped libc tells it too. Without the file the page itself is looked for: it is mapped for the purpose, and
begins with its own size.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Dict, Iterator, Optional

from ..memory import MemoryFault, Reader

_PAGE = 4096
_LONGEST = 2048
_LARGEST_AREA = 1 << 20
_LIBC = re.compile(r"libc(-2\.\d+)?\.so(\.6)?$")
# What glibc says; any other page that begins with its size is somebody else's.
_KNOWN = re.compile(
    rb"(free|malloc|realloc|calloc|munmap_chunk|malloc_consolidate|corrupted|double free|break adjusted|\*\*\*|invalid |Fatal error: glibc)|: Assertion `|%n in writable segment"
)


def abort_message(core: Any) -> Optional[Dict[str, Any]]:
    """``text``, ``address`` and ``found``: ``symbol`` or ``page``; None when the process left none."""
    reader = Reader(core)
    known = False
    for module in core.modules:
        if not _LIBC.match(module.name):
            continue
        for elf in (module.elf, module.debug_elf):
            symbol = elf.symbols(["__abort_msg"]).get("__abort_msg") if elf is not None else None
            if symbol is None:
                continue
            for image in module.images():
                known = True
                try:
                    address = reader.pointer(image.bias + symbol.value)
                    text = _text(reader, address) if address else None
                except MemoryFault:
                    continue
                if text:
                    return {"text": text, "address": "0x%x" % address, "found": "symbol"}
    return None if known else _by_page(core, reader)


def _text(reader: Reader, address: int) -> Optional[str]:
    if not 0 < reader.uint(address, 4) <= _LARGEST_AREA:
        return None
    return reader.cstring(address + 4, _LONGEST).decode("utf-8", "replace").strip() or None


def _pages(core: Any) -> Iterator[int]:
    """Pages of small writable anonymous mappings."""
    files = [(mapped.start, mapped.end) for mapped in core.mappings]
    for segment in core.segments:
        if segment.writable and segment.end - segment.start <= _LARGEST_AREA and not any(start <= segment.start < end for start, end in files):
            yield from range(segment.start, segment.end, _PAGE)


def _by_page(core: Any, reader: Reader) -> Optional[Dict[str, Any]]:
    for page in _pages(core):
        try:
            (size,) = struct.unpack("=I", reader.read(page, 4))
            if size == 0 or size % _PAGE or size > 4 * _PAGE:
                continue
            raw = reader.cstring(page + 4, _LONGEST)
        except MemoryFault:
            continue
        text = raw.decode("utf-8", "replace").strip()
        if _KNOWN.search(raw) and "\ufffd" not in text and text.isprintable():
            return {"text": text, "address": "0x%x" % page, "found": "page"}
    return None
