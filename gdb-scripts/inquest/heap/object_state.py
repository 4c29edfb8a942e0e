"""What has become of an object, as far as its memory tells: whole, freed, never filled in, overwritten, not there."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_SHOWN = 32
# Objects/obmalloc.c from 3.8 on and before.
FILLINGS = {0xDD: "freed", 0xDB: "freed", 0xCD: "uninitialised", 0xCB: "uninitialised", 0xFD: "guard", 0xFB: "guard"}
DAMAGED = frozenset(("unmapped", "misaligned", "freed", "uninitialised", "guard", "null_type", "overwritten", "null"))
"""The states of memory that is no object any more, or not yet."""

_ABSENT = ("unmapped", "implausible range")


def filling_of(value: int, size: int) -> Optional[str]:
    """What a pointer says that consists of one filling byte of CPython's debug hooks."""
    low = value & 0xFF
    return FILLINGS.get(low) if value == int.from_bytes(bytes([low]) * size, "little") else None


def state_of(image: Image, address: int) -> str:
    """One word: ``whole``, ``unknown`` (the core does not hold it), or one of ``DAMAGED``."""
    size = image.reader.pointer_size
    if address == 0:
        return "null"
    pointer = filling_of(address, size)
    if pointer is not None:
        return pointer
    if address % size:
        return "misaligned"
    try:
        kind = image.values.access.type_pointer(address)
    except MemoryFault as fault:
        return "unmapped" if fault.why in _ABSENT else "unknown"
    if kind == 0:
        return "null_type"
    filled = filling_of(kind, size)
    if filled is not None:
        return filled
    if kind % size:
        return "overwritten"
    try:
        image.values.types.flags(kind)
        return "whole"
    except MemoryFault:
        return _state_of_type(image, kind)


def _state_of_type(image: Image, kind: int) -> str:
    """Why ``kind`` is no type: nothing is there, or something else is. A type in memory that the core lacks proves nothing."""
    try:
        above = image.values.access.type_pointer(kind)
        image.values.access.type_pointer(above) if above else None
    except MemoryFault as fault:
        return "overwritten" if fault.why in _ABSENT else "unknown"
    return "overwritten"


def describe(image: Image, address: int) -> Dict[str, Any]:
    """``address``, ``state``, ``type``, ``type_pointer``, ``refcount``, ``size``, ``bytes``, ``text``: null where it cannot be told."""
    told: Dict[str, Any] = {"address": "0x%x" % address, "state": state_of(image, address), "type": None, "type_pointer": None}
    told.update({"refcount": None, "size": None, "bytes": None, "text": None})
    try:
        raw = image.reader.read(address, _SHOWN)
        told["bytes"] = raw.hex()
        told["text"] = _text(raw)
        told["type_pointer"] = "0x%x" % image.values.access.type_pointer(address)
        told["refcount"] = image.optional_integer(address, "PyObject", "ob_refcnt")
        if told["state"] == "whole":
            info = image.values.type_of(address)
            told["type"] = info.full_name
            told["size"] = object_size(image, address, info)
    except (MemoryFault, LayoutMissing):
        pass
    return told


def object_size(image: Image, address: int, info: Any) -> int:
    """``tp_basicsize`` and the items, in bytes, as ``_PyObject_VAR_SIZE`` has it; capped where the count is implausible."""
    items = 0
    if info.itemsize and not info.flags & 1 << 24:
        items = min(abs(image.values.access.var_size(address)), 1 << 20)
    return info.basicsize + items * info.itemsize


def _text(raw: bytes) -> Optional[str]:
    """A run of eight printable bytes or more that lies in the object's first words."""
    for start in range(len(raw) - 7):
        run = bytearray()
        for byte in raw[start:]:
            if not 0x20 <= byte < 0x7F:
                break
            run.append(byte)
        if len(run) >= 8:
            return run.decode("ascii")
    return None
