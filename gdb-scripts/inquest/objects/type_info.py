"""What is known of one type, and the flags that tell its family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

# Include/object.h, Py_TPFLAGS_*.
INLINE_VALUES = 1 << 2  # 3.13
MANAGED_DICT = 1 << 4  # 3.11
HEAP_TYPE = 1 << 9
INT_SUBCLASS = 1 << 23  # 2.7
LONG_SUBCLASS = 1 << 24
LIST_SUBCLASS = 1 << 25
TUPLE_SUBCLASS = 1 << 26
BYTES_SUBCLASS = 1 << 27
UNICODE_SUBCLASS = 1 << 28
DICT_SUBCLASS = 1 << 29
EXCEPTION_SUBCLASS = 1 << 30
TYPE_SUBCLASS = 1 << 31


@dataclass(frozen=True)
class TypeInfo:
    """One type. ``name`` is ``__name__``, ``module`` ``builtins`` for 2.7's ``__builtin__`` too; ``mro_names`` are full names
    (``module.qualname``), the type's own first; ``mro_addresses`` where they are. ``repr_slot`` is ``tp_repr``."""

    address: int
    name: str
    module: str
    qualname: str
    c_name: str
    flags: int
    basicsize: int
    itemsize: int
    dictoffset: int
    weaklistoffset: int
    repr_slot: int
    mro_addresses: Tuple[int, ...]
    mro_names: Tuple[str, ...]

    @property
    def full_name(self) -> str:
        return self.c_name if self.module == "builtins" else self.module + "." + self.qualname

    @property
    def is_heap(self) -> bool:
        return bool(self.flags & HEAP_TYPE)
