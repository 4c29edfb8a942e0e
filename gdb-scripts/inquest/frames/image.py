"""What the readers of frames, threads and exceptions share: memory, layouts and the reader of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from ..layout.model import LayoutMissing, Layouts
from ..memory import MemoryFault, Reader
from ..objects.text import read_bytes, read_str
from ..objects.type_info import BYTES_SUBCLASS, UNICODE_SUBCLASS
from ..objects.values import Values

# Objects are aligned to 8 bytes at least; from 3.13 (free-threaded) and 3.14 on, the low bits of a _PyStackRef are tags.
TAG_BITS = 3
_LONGEST_TEXT = 4096
_LONGEST_TABLE = 4 << 20


@dataclass
class Image:
    """One dead CPython: ``caches`` keeps what was decoded, by reader."""

    reader: Reader
    layouts: Layouts
    values: Values
    caches: Dict[str, Dict[Any, Any]] = field(default_factory=dict)

    @property
    def version(self) -> Tuple[int, int]:
        return self.layouts.version[:2]

    def pointer(self, address: int, struct: str, name: str) -> int:
        """The pointer in a field of the struct at ``address``."""
        return self.reader.pointer(address + self.layouts.offset(struct, name))

    def integer(self, address: int, struct: str, name: str, signed: bool = True) -> int:
        """An integer (or bit field) of the struct at ``address``, in the size the layout tells."""
        place = self.layouts.field(struct, name)
        size = place.size if place.size in (1, 2, 4, 8) else self.reader.pointer_size
        if not place.bits:
            read = self.reader.sint if signed else self.reader.uint
            return read(address + place.offset, size)
        return self.reader.uint(address + place.offset, size) >> place.bit & ((1 << place.bits) - 1)

    def optional_pointer(self, address: int, struct: str, name: str) -> Optional[int]:
        """As ``pointer``, or None when this layout has no such field or the memory cannot be read."""
        try:
            return self.pointer(address, struct, name)
        except (LayoutMissing, MemoryFault):
            return None

    def optional_integer(self, address: int, struct: str, name: str, signed: bool = True) -> Optional[int]:
        """As ``integer``, or None when this layout has no such field or the memory cannot be read."""
        try:
            return self.integer(address, struct, name, signed)
        except (LayoutMissing, MemoryFault):
            return None

    def object_pointer(self, value: int) -> int:
        """A ``PyObject *`` or ``_PyStackRef`` without its tag bits; 0 for null and for tagged integers."""
        if value & TAG_BITS == TAG_BITS:
            return 0
        return value & ~TAG_BITS

    def text(self, address: int, limit: int = _LONGEST_TEXT) -> str:
        """A ``str`` (2.7: ``str`` or ``unicode``), told by the flags of its type: type names need the interpreter's file, these do not."""
        access, types = self.values.access, self.values.types
        flags = types.flags(access.type_pointer(address))
        if flags & UNICODE_SUBCLASS:
            return (types.wide.read if self.version[0] == 2 else self._read_str)(address, limit)[0]
        if flags & BYTES_SUBCLASS and self.version[0] == 2:
            return read_bytes(access, address, limit)[0].decode("utf-8", "surrogateescape")
        raise MemoryFault(address, 0, "not a str")

    def trusted_text(self, address: int) -> str:
        """A field that CPython fills with a ``str`` only, such as ``co_name``: readable though its type is damaged or absent.

        Without its type an empty one is no text: memory that holds zeros looks so.
        """
        try:
            return self.text(address)
        except MemoryFault as fault:
            if self.version[0] == 2:
                found = read_bytes(self.values.access, address, _LONGEST_TEXT)[0].decode("utf-8", "surrogateescape")
            else:
                found = self._read_str(address, _LONGEST_TEXT)[0]
            if not found:
                raise fault
            return found

    def trusted_bytes(self, address: int) -> bytes:
        """As ``trusted_text``, for ``bytes`` (2.7: ``str``); raises ``MemoryFault`` above 4 MiB."""
        access = self.values.access
        raw, length = read_bytes(access, address, _LONGEST_TABLE)
        if length > _LONGEST_TABLE or (not length and not self.values.types.flags(access.type_pointer(address)) & BYTES_SUBCLASS):
            raise MemoryFault(address, length, "implausible size of bytes")
        return raw

    def _read_str(self, address: int, limit: int) -> Tuple[str, int]:
        return read_str(self.values.access, address, limit)
