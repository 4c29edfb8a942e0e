"""Fields of CPython's structs by name, over a typed reader: what every reader of this package stands on.

Offsets come from the interpreter's layout; structs that no layout tells (numpy's, nodes of OrderedDict) are computed by ``shapes``
from the order of their C declarations.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from ..layout.model import Field, LayoutMissing, Layouts
from ..memory import Reader
from .limits import Damaged
from .shapes import Shapes

_NO_FIELD = Field(-1, 0)


class Access:
    """Typed fields of structs. Every method raises ``MemoryFault`` only; a field that no layout knows is one too."""

    def __init__(self, reader: Reader, layouts: Layouts) -> None:
        self.reader = reader
        self.layouts = layouts
        self.version: Tuple[int, int] = (layouts.version[0], layouts.version[1])
        self.pointer_size = reader.pointer_size
        self._shapes = Shapes(layouts)
        self._fields: Dict[Tuple[str, str], Field] = {}
        count = self.find("PyObject", "ob_refcnt")
        self._count_offset = count.offset if count is not None else None
        self.type_offset = self.offset("PyObject", "ob_type")
        self.size_offset = self.offset("PyVarObject", "ob_size")

    def find(self, struct: str, name: str) -> Optional[Field]:
        """The field, or None when this interpreter has none of this name."""
        key = (struct, name)
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = self._look_up(struct, name)
        return None if found is _NO_FIELD else found

    def _look_up(self, struct: str, name: str) -> Field:
        try:
            return self.layouts.field(struct, name)
        except LayoutMissing:
            known = self.layouts.has(struct)
            return (None if known else self._shapes.field(struct, name)) or _NO_FIELD

    def has(self, struct: str, name: str) -> bool:
        return self.find(struct, name) is not None

    def field(self, struct: str, *names: str) -> Field:
        """The first of ``names`` that exists."""
        for name in names:
            found = self.find(struct, name)
            if found is not None:
                return found
        raise Damaged(0, "no layout of %s.%s" % (struct, names[0]))

    def offset(self, struct: str, *names: str) -> int:
        return self.field(struct, *names).offset

    def size(self, struct: str) -> int:
        """``sizeof(struct)`` in bytes."""
        if self.layouts.has(struct):
            return self.layouts.size(struct)
        raise Damaged(0, "no layout of %s" % struct)

    def pointer(self, address: int, struct: str, *names: str) -> int:
        return self.reader.pointer(address + self.offset(struct, *names))

    def ssize(self, address: int, struct: str, *names: str) -> int:
        return self.reader.ssize(address + self.offset(struct, *names))

    def uint(self, address: int, struct: str, *names: str) -> int:
        """An unsigned integer or bit field of the size the layout tells."""
        place = self.field(struct, *names)
        value = self.reader.uint(address + place.offset, place.size if place.size in (1, 2, 4, 8) else self.pointer_size)
        return value >> place.bit & ((1 << place.bits) - 1) if place.bits else value

    def sint(self, address: int, struct: str, *names: str) -> int:
        place = self.field(struct, *names)
        return self.reader.sint(address + place.offset, place.size if place.size in (1, 2, 4, 8) else self.pointer_size)

    def is_released(self, address: int) -> bool:
        """Whether the reference count is one that no live object has: 0, or (a link of an allocator's free list) huge.

        Without the GIL the count is in two parts, which tell nothing by themselves.
        """
        if self.layouts.free_threaded or self._count_offset is None:
            return False
        # From 3.14 on the upper half of the word holds flags.
        size = 4 if self.version >= (3, 14) and self.pointer_size == 8 else self.pointer_size
        count = self.reader.uint(address + self._count_offset, size)
        return count == 0 or (size == 8 and count >> 40 != 0)

    def type_pointer(self, address: int) -> int:
        """``Py_TYPE(address)``, not validated."""
        return self.reader.pointer(address + self.type_offset)

    def var_size(self, address: int) -> int:
        """``Py_SIZE(address)``, which may be anything in damaged memory."""
        return self.reader.ssize(address + self.size_offset)
