"""What a panic of Rust says, where its exception is still there: from memory alone.

std's ``panic_unwind`` throws ``struct Exception { _Unwind_Exception; const u8 *canary; Box<dyn Any + Send> cause; }``, which begins with
Rust's own mark; the unwinder's frames and std's keep pointers to it. The box is a pointer to the payload and one to its vtable, which begins with
``drop, size, align``. A payload of ``panic!`` is a ``String`` (three words in an order that the compiler chooses: capacity, pointer, length) or
a ``&'static str`` (pointer, length); any other says nothing. A crate built with ``panic = "abort"`` throws nothing.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ..memory import MemoryFault, Reader

_MARK = b"MOZ\0RUST"[::-1]
_STACK_BYTES = 32 << 10
# Below the stack pointer: what a throw that found no landing pad has left.
_DEAD_BYTES = 4 << 10
_STEP = 512
_LONGEST = 1024
_LARGEST = 1 << 20
_LEAST = 65_536
# The exception_class is a number: on a little-endian machine its bytes stand in the other order.
_MARKS = (_MARK, _MARK[::-1])


def rust_payload(core: Any, registers: Mapping[str, int], sp: Optional[int]) -> Optional[Dict[str, Any]]:
    """``text`` and ``address`` of the payload; None where there is none, or where several say different things."""
    if sp is None or core.pointer_size != 8 or core.byte_order != "little":
        return None
    reader = Reader(core)
    found: Dict[str, int] = {}
    for address in _candidates(reader, registers, sp):
        try:
            if reader.read(address, 8) in _MARKS:
                told = payload(reader, address)
                if told is not None:
                    found.setdefault(told[0], told[1])
        except MemoryFault:
            continue
    return next(({"text": text, "address": "0x%x" % address} for text, address in found.items()), None) if len(found) == 1 else None


def _candidates(reader: Reader, registers: Mapping[str, int], sp: int) -> Iterator[int]:
    """What the registers and the stack hold and may be the address of an exception."""
    seen = set()
    for value in registers.values():
        if value % 16 == 0 and value >= _LEAST and value not in seen:
            seen.add(value)
            yield value
    for at in range((sp - _DEAD_BYTES) // 8 * 8, sp + _STACK_BYTES, _STEP):
        try:
            words = reader.pointers(at, _STEP // 8)
        except MemoryFault:
            continue
        for value in words:
            if value % 16 == 0 and value >= _LEAST and value not in seen:
                seen.add(value)
                yield value


def payload(reader: Reader, exception: int) -> Optional[Tuple[str, int]]:
    """Text and address of an exception's payload. The unwinder's part is 32 bytes; the canary is an address of std's own data."""
    canary, data, vtable = reader.pointers(exception + 32, 3)
    if canary < _LEAST or data < _LEAST or vtable < _LEAST:
        return None
    size, align = reader.pointers(vtable + 8, 2)
    if align != 8 or size not in (16, 24):
        return None
    words = reader.pointers(data, size // 8)
    texts: List[str] = []
    for at, place in enumerate(words):
        others = words[:at] + words[at + 1 :]
        # A capacity is at least the length; up to Rust 1.76 the order of the fields was another one.
        length = min(others)
        if place < _LEAST or not 0 < length <= max(others) < _LARGEST:
            continue
        text = _printable(reader.read(place, min(length, _LONGEST)))
        if text is not None:
            texts.append(text)
    return (texts[0], data) if len(texts) == 1 else None


def _printable(raw: bytes) -> Optional[str]:
    text = raw.decode("utf-8", "replace").strip()
    if len(raw) == _LONGEST:
        text = text.rstrip("\ufffd")
    return text if text and "\ufffd" not in text and re.sub(r"[\n\t]", " ", text).isprintable() else None
