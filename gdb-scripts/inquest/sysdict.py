"""The few facts that ``sys`` tells about its interpreter, read with the smallest dict and str reader that does.

Finding the interpreter comes before anything can be shown of it, so this module reads only what it must: ASCII keys of a dict
in any of its layouts, and short ASCII strings and ints as values. Everything else is the business of ``objects``.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple

from .layout.model import LayoutMissing, Layouts
from .memory import MemoryFault, Reader

_MOST_ENTRIES = 4096


def fields_of(layouts: Layouts, struct: str, *names: str) -> int:
    """The offset of the first of ``names`` that the struct has; raises ``LayoutMissing``."""
    for name in names:
        if layouts.has(struct, name):
            return layouts.offset(struct, name)
    raise LayoutMissing("%s.%s" % (struct, "|".join(names)))


def ascii_text(reader: Reader, layouts: Layouts, address: int, limit: int = 256) -> Optional[str]:
    """A compact ASCII ``str`` (``PyASCIIObject *``), or in 2.7 a ``PyStringObject *``; ``None`` for any other."""
    if layouts.has("PyStringObject"):
        size = reader.ssize(address + fields_of(layouts, "PyStringObject", "ob_size"))
        if not 0 <= size <= limit:
            return None
        return reader.read(address + layouts.offset("PyStringObject", "ob_sval"), size).decode("latin-1")
    size = reader.ssize(address + layouts.offset("PyASCIIObject", "length"))
    if not 0 <= size <= limit or not bits(reader, layouts, "PyASCIIObject", "state.ascii", address):
        return None
    return reader.read(address + layouts.size("PyASCIIObject"), size).decode("latin-1")


def bits(reader: Reader, layouts: Layouts, struct: str, name: str, address: int) -> int:
    """The value of an integer member, bit field or not."""
    field = layouts.field(struct, name)
    value = reader.uint(address + field.offset, field.size)
    if not field.bits:
        return value
    shift = field.bit if reader.byte_order == "little" else 8 * field.size - field.bit - field.bits
    return value >> shift & ((1 << field.bits) - 1)


def small_int(reader: Reader, layouts: Layouts, address: int) -> Optional[int]:
    """An ``int`` of at most three digits (``PyLongObject *``; ``PyIntObject *`` in 2.7); ``None`` for any other."""
    if layouts.has("PyIntObject"):
        return reader.ssize(address + layouts.offset("PyIntObject", "ob_ival"))
    digits_at = fields_of(layouts, "PyLongObject", "long_value.ob_digit", "ob_digit")
    name = "long_value.ob_digit" if layouts.has("PyLongObject", "long_value.ob_digit") else "ob_digit"
    width = layouts.field("PyLongObject", name).size
    if width not in (2, 4):
        return None
    if layouts.has("PyLongObject", "long_value.lv_tag"):
        tag = reader.uint(address + layouts.offset("PyLongObject", "long_value.lv_tag"), reader.pointer_size)
        count, sign = tag >> 3, (1, 0, -1, 0)[tag & 3]
    else:
        size = reader.ssize(address + fields_of(layouts, "PyLongObject", "ob_base.ob_size", "ob_size"))
        count, sign = abs(size), (size > 0) - (size < 0)
    if count > 3:
        return None
    digits = [reader.uint(address + digits_at + width * index, width) for index in range(count)]
    return sign * sum(digit << ((30 if width == 4 else 15) * index) for index, digit in enumerate(digits))


def entries(reader: Reader, layouts: Layouts, address: int) -> Iterator[Tuple[int, int]]:
    """(key, value) addresses of a ``PyDictObject *`` that is no instance's split dict. Raises ``MemoryFault``."""
    size = reader.pointer_size
    if layouts.has("PyDictObject", "ma_table"):
        table = reader.pointer(address + layouts.offset("PyDictObject", "ma_table"))
        count = reader.ssize(address + layouts.offset("PyDictObject", "ma_mask")) + 1
        entry, start = "PyDictEntry", table
    else:
        keys = reader.pointer(address + layouts.offset("PyDictObject", "ma_keys"))
        count = reader.ssize(keys + layouts.offset("PyDictKeysObject", "dk_nentries"))
        entry = "PyDictKeyEntry"
        if layouts.has("PyDictKeysObject", "dk_log2_index_bytes"):
            indices = 1 << min(40, reader.uint(keys + layouts.offset("PyDictKeysObject", "dk_log2_index_bytes"), 1))
            if reader.uint(keys + layouts.offset("PyDictKeysObject", "dk_kind"), 1):
                entry = "PyDictUnicodeEntry"
        else:
            slots = reader.ssize(keys + layouts.offset("PyDictKeysObject", "dk_size"))
            width = 1 if slots <= 0xFF else 2 if slots <= 0xFFFF else 4 if slots <= 0xFFFFFFFF else 8
            indices = max(slots, 0) * width
        start = keys + layouts.offset("PyDictKeysObject", "dk_indices") + indices
    if not 0 <= count <= _MOST_ENTRIES:
        raise MemoryFault(address, 0, "a dict of %d entries" % count)
    key_at, value_at, stride = layouts.offset(entry, "me_key"), layouts.offset(entry, "me_value"), layouts.size(entry)
    block = reader.read(start, count * stride)
    order = "little" if reader.byte_order == "little" else "big"
    for at in range(0, count * stride, stride):
        key = int.from_bytes(block[at + key_at : at + key_at + size], order)
        value = int.from_bytes(block[at + value_at : at + value_at + size], order)
        if key and value:
            yield key, value


def lookup(reader: Reader, layouts: Layouts, address: int, *names: str) -> Dict[str, int]:
    """The addresses of the values of some ASCII keys; what cannot be read is left out."""
    wanted = set(names)
    found: Dict[str, int] = {}
    try:
        for key, value in entries(reader, layouts, address):
            try:
                text = ascii_text(reader, layouts, key, 64)
            except MemoryFault:
                continue
            if text in wanted:
                found[text] = value
                if len(found) == len(wanted):
                    break
    except (MemoryFault, LayoutMissing):
        pass
    return found


class SysFacts:
    """``hexversion``, ``maxunicode``, ``version``, ``abiflags`` of an interpreter's ``sys``; each ``None`` where it cannot be read."""

    def __init__(self, reader: Reader, layouts: Layouts, sysdict: int) -> None:
        found = lookup(reader, layouts, sysdict, "hexversion", "version", "abiflags", "gettotalrefcount", "maxunicode")
        self.hexversion = self._try(small_int, reader, layouts, found.get("hexversion"))
        # At finalization the entries of sys are set to None one by one, and None read as an int is nonsense.
        if self.hexversion is not None and self.hexversion >> 24 not in (2, 3):
            self.hexversion = None
        self.maxunicode = self._try(small_int, reader, layouts, found.get("maxunicode"))
        self.version: Optional[str] = self._try(ascii_text, reader, layouts, found.get("version"))
        self.abiflags: Optional[str] = self._try(ascii_text, reader, layouts, found.get("abiflags"))
        self.debug_build = "gettotalrefcount" in found

    @staticmethod
    def _try(read, reader: Reader, layouts: Layouts, address: Optional[int]):
        try:
            return read(reader, layouts, address) if address else None
        except (MemoryFault, LayoutMissing):
            return None
