"""The exception of C++ that was under way when the process aborted: its type and text, from memory alone.

It is thrown by the Itanium C++ ABI's unwinder, whose ``struct _Unwind_Exception { uint64 exception_class; void (*cleanup)(…); uint64
private[2]; }`` begins with the language's own mark. The unwinder's frames keep a pointer to it, so the crashed thread's registers and the
innermost part of its stack lead there. In front of it lies ``__cxa_exception`` (libsupc++'s unwind-cxx.h, libc++abi's
cxa_exception.h), behind it the thrown object.

An exception counts only while it is being handled (``handlerCount``), as it is when ``std::terminate`` was called because of it. One
that was dealt with has 0 there, though its mark may still stand in freed memory.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional

from ..memory import MemoryFault, Reader

_STACK_BYTES = 64 << 10
_STEP = 512
_MOST_HANDLERS = 64
_LONGEST = 1024
_LONGEST_NAME = 512
_MOST_BASES = 16
_OBJECT = 32
# By the first bytes in memory of a little-endian machine.
_MARKS = (b"\0++CCUNG", b"\0++CGNLC")
# A class of no namespace begins with the length of its name.
_SYMBOL = re.compile(rb"[A-Za-z0-9_.$]+")
# libstdc++ and libc++ keep the text of these in a counted string behind the vtable.
_WITH_MESSAGE = ("St13runtime_error", "St11logic_error")
_STRING = "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"


class Caught(NamedTuple):
    """``__cxa_exception``, with the address of its thrown object. ``next`` is the address of the header of the one outside of it."""

    header: int
    next: int
    type: int
    thrown: int


def cpp_exception(core: Any, registers: Mapping[str, int], sp: Optional[int]) -> Optional[Dict[str, Any]]:
    """``type`` and ``bases`` (mangled), ``text``, ``address`` of the object; None where none, or no single one, is under way."""
    if sp is None or core.pointer_size != 8 or core.byte_order != "little":
        return None
    reader = Reader(core)
    caught: Dict[int, Caught] = {}
    for address in _candidates(reader, registers, sp):
        try:
            if reader.read(address, 8) in _MARKS:
                found = _caught(reader, address)
                if found is not None:
                    caught[found.header] = found
        except MemoryFault:
            continue
    outer = {each.next for each in caught.values()}
    innermost = [each for each in caught.values() if each.header not in outer]
    return _told(reader, innermost[0]) if len(innermost) == 1 else None


def _candidates(reader: Reader, registers: Mapping[str, int], sp: int) -> Iterator[int]:
    """What the registers and the stack hold and may be an address aligned as the unwinder's structs are."""
    seen = set()
    for value in registers.values():
        if value % 16 == 0 and value > 65_536 and value not in seen:
            seen.add(value)
            yield value
    for at in range(sp // 8 * 8, sp + _STACK_BYTES, _STEP):
        try:
            words = reader.pointers(at, _STEP // 8)
        except MemoryFault:
            return
        for value in words:
            if value % 16 == 0 and value > 65_536 and value not in seen:
                seen.add(value)
                yield value


def _caught(reader: Reader, unwind: int) -> Optional[Caught]:
    """The header in front of ``unwind``: exceptionType, destructor, two handlers, nextException, ``int handlerCount``, 36 bytes more."""
    header = unwind - 80
    handlers = reader.sint(header + 40, 4)
    if handlers == 0 or abs(handlers) > _MOST_HANDLERS:
        return None
    found = Caught(header, reader.pointer(header + 32), reader.pointer(header), unwind + _OBJECT)
    return found if _type_name(reader, found.type) is not None else None


def _type_name(reader: Reader, info: int) -> Optional[str]:
    """``class type_info { void *vtable; const char *name; }``; a name that begins with ``*`` is compared by its address."""
    try:
        raw = reader.cstring(reader.pointer(info + 8), _LONGEST_NAME)
    except MemoryFault:
        return None
    name = raw[1:] if raw.startswith(b"*") else raw
    return name.decode() if _SYMBOL.fullmatch(name) else None


class Base(NamedTuple):
    name: str
    # From the start of the thrown object; None where a virtual base decides it.
    offset: Optional[int]


def _bases(reader: Reader, info: int) -> List[Base]:
    """The class itself and its bases, by ``__si_class_type_info`` and ``__vmi_class_type_info``. What cannot be read is left out."""
    found: List[Base] = []
    left: List[Any] = [(info, 0)]
    while left and len(found) < _MOST_BASES:
        at, offset = left.pop(0)
        name = _type_name(reader, at)
        if name is None:
            continue
        found.append(Base(name, offset))
        try:
            # What kind of type_info it is, its own vtable says: its type stands in front of it.
            kind = _type_name(reader, reader.pointer(reader.pointer(at) - 8)) or ""
            if kind.endswith("20__si_class_type_infoE"):
                left.append((reader.pointer(at + 16), offset))
            elif kind.endswith("21__vmi_class_type_infoE"):
                for index in range(min(reader.uint(at + 20, 4), _MOST_BASES)):
                    base, flags = reader.pointer(at + 24 + 16 * index), reader.sint(at + 32 + 16 * index, 8)
                    left.append((base, None if offset is None or flags & 1 else offset + (flags >> 8)))
        except MemoryFault:
            continue
    return found


def _told(reader: Reader, caught: Caught) -> Dict[str, Any]:
    bases = _bases(reader, caught.type)
    try:
        text = _text(reader, caught.thrown, bases)
    except MemoryFault:
        text = None
    return {"type": bases[0].name, "bases": [base.name for base in bases[1:]], "text": text, "address": "0x%x" % caught.thrown}


def _text(reader: Reader, thrown: int, bases: List[Base]) -> Optional[str]:
    """What the object was given to say; None where only its own ``what()`` would know."""
    name = bases[0].name
    if name in ("PKc", "Pc"):
        return _printable(reader.cstring(reader.pointer(thrown), _LONGEST))
    if name in ("i", "j", "l", "m", "x", "y"):
        size = 4 if name in "ij" else 8
        return str(reader.sint(thrown, size) if name in "ilx" else reader.uint(thrown, size))
    if name == _STRING:
        length = reader.uint(thrown + 8, 8)
        return _printable(reader.read(reader.pointer(thrown), min(length, _LONGEST))) if length < 1 << 32 else None
    for base in bases:
        if base.name in _WITH_MESSAGE and base.offset is not None:
            return _counted(reader, reader.pointer(thrown + base.offset + 8))
    return None


def _counted(reader: Reader, text: int) -> Optional[str]:
    """``char *`` behind its ``{ size_t length, capacity; int count; }``, which must fit it."""
    length, capacity = reader.uint(text - 24, 8), reader.uint(text - 16, 8)
    if not length <= capacity < 1 << 32:
        return None
    raw = reader.read(text, min(length, _LONGEST))
    if length < _LONGEST and reader.read(text + length, 1) != b"\0":
        return None
    return _printable(raw)


def _printable(raw: bytes) -> Optional[str]:
    text = raw.decode("utf-8", "replace").strip()
    return text if text and "\ufffd" not in text and re.sub(r"[\n\t]", " ", text).isprintable() else None
