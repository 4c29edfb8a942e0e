"""What the readers of frames, threads and exceptions share: memory, layouts and the reader of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

from ..layout.model import LayoutMissing, Layouts
from ..memory import MemoryFault, Reader
from ..objects.values import Values

# Objects are aligned to 8 bytes at least; from 3.13 (free-threaded) and 3.14 on, the low bits of a _PyStackRef are tags.
TAG_BITS = 3


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
