"""Fields of CPython's structs by name, over a typed reader: what every reader of this package stands on.

Offsets come from the interpreter's layout; structs that no layout tells (numpy's, nodes of OrderedDict) and those of a
layout that lacks them are computed by ``shapes`` from the order of their C declarations.
"""

from __future__ import annotations

from dataclasses import replace
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
        self.refcount_offset = self.offset("PyObject", "ob_refcnt")
        self.type_offset = self.offset("PyObject", "ob_type")
        self.size_offset = self.offset("PyVarObject", "ob_size")

    def find(self, struct: str, name: str) -> Optional[Field]:
        """The field, or None when this interpreter has none of this name."""
        key = (struct, name)
        found = self._fields.get(key)
        if found is None:
            try:
                found = self._behind_header(struct, self.layouts.field(struct, name))
            except LayoutMissing:
                known = self.layouts.has(struct)
                found = (None if known else self._shapes.field(struct, name)) or _NO_FIELD
            self._fields[key] = found
        return None if found is _NO_FIELD else found

    def _behind_header(self, struct: str, field: Field) -> Field:
        """The field, moved when its struct was measured with a smaller object header than this interpreter's.

        A free-threaded build is read with the plain build's table, in which only the structs that the debug offsets tell have moved.
        """
        if not self.layouts.has("PyObject"):
            return field
        header = self.layouts.size("PyObject")
        fields = self.layouts.struct(struct).fields
        if struct == "PyObject" or not any(path.rpartition(".")[2] == "ob_refcnt" and not place.offset for path, place in fields.items()):
            return field
        heads = {"ob_base", *(path.rpartition(".")[2] for path in self.layouts.struct("PyObject").fields)}
        first = min((place.offset for path, place in fields.items() if path.rpartition(".")[2] not in heads and place.offset), default=header)
        return replace(field, offset=field.offset + header - first) if 0 < first < header <= first + 64 and field.offset >= first else field

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
        computed = self._shapes.size(struct)
        if computed is None:
            raise Damaged(0, "no layout of %s" % struct)
        return computed

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
        """Whether the reference count is one that no live object has: 0, negative, or (a link of an allocator's free list) huge.

        Without the GIL the count is in two parts, which tell nothing by themselves.
        """
        if self.layouts.free_threaded:
            return False
        # From 3.14 on the upper half of the word holds flags.
        size = 4 if self.version >= (3, 14) and self.pointer_size == 8 else self.pointer_size
        count = self.reader.uint(address + self.refcount_offset, size)
        return count == 0 or (size == 8 and count >> 40 != 0)

    def type_pointer(self, address: int) -> int:
        """``Py_TYPE(address)``, not validated."""
        return self.reader.pointer(address + self.type_offset)

    def var_size(self, address: int) -> int:
        """``Py_SIZE(address)``, which may be anything in damaged memory."""
        return self.reader.ssize(address + self.size_offset)
