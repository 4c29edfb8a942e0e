"""Python values from the memory of a dead CPython, 2.7 and 3.6 to 3.15: ``Values`` is what the other readers use.

All addresses are ``PyObject *`` without tag bits. Every method raises ``MemoryFault`` (also for readable memory that
cannot be the object asked for) or ``BudgetExceeded``, and nothing else; ``repr`` raises no ``MemoryFault`` either.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from ..layout.model import Layouts
from ..memory import MemoryFault, Reader
from . import mappings, numbers, sequences, text
from .access import Access
from .attributes import Attributes
from .dispatch import Dispatch
from .handlers import FALLBACK, FUNCTIONS, HANDLERS
from .limits import Allowance, AllowanceSpent, Damaged, Repr, ReprLimits, hole
from .printer import CUT, Printer
from .type_info import BYTES_SUBCLASS, INT_SUBCLASS, LONG_SUBCLASS, TypeInfo
from .types import Types

DEFAULT_LIMITS = ReprLimits()
_MOST_ITEMS = 100_000
_LONGEST_TEXT = 1 << 20


class Values:
    """Readers of Python objects. No symbol of any binary is needed: types tell themselves by their flags and names."""

    def __init__(self, reader: Reader, layouts: Layouts) -> None:
        self._allowance = Allowance(reader.budget)
        self.reader = Reader(reader.memory, self._allowance)
        self.layouts = layouts
        self.access = Access(self.reader, layouts)
        self.types = Types(self.access)
        self.attributes = Attributes(self.access, self.types)
        # Set by what knows how frames are read, which stands above this package.
        self.line_of_frame: Callable[[int], Optional[int]] = lambda address: None
        self._dispatch = Dispatch(self, HANDLERS, FUNCTIONS, FALLBACK)

    def type_of(self, address: int) -> TypeInfo:
        """The type of an object, validated: its metatypes lead to ``type``, its name is text. Cached."""
        return self.types.type_of(address)

    def type_info(self, address: int) -> TypeInfo:
        """As ``type_of``, for the address of the type itself."""
        return self.types.info(address, address)

    def type_name(self, address: int) -> str:
        """``module.QualifiedName`` of the object's type, bare for builtins."""
        return self.type_of(address).full_name

    def read_text(self, address: int, limit: int) -> Tuple[str, int]:
        """A str (in 2.7 a unicode, or a str taken as UTF-8 with surrogate escapes): its first ``limit`` characters and its length."""
        info = self.type_of(address)
        if self.access.version[0] == 2 and info.flags & BYTES_SUBCLASS:
            raw, length = text.read_bytes(self.access, address, limit)
            return raw.decode("utf-8", "surrogateescape"), length
        if "builtins.str" not in info.mro_names and "builtins.unicode" not in info.mro_names:
            raise Damaged(address, "%s where a str should be" % info.full_name)
        if self.access.version[0] == 2:
            return self.types.wide.read(address, limit)
        return text.read_str(self.access, address, limit)

    def str_value(self, address: int, limit: int = _LONGEST_TEXT) -> str:
        """A str of any kind, cut to ``limit`` characters; surrogates and NULs are kept."""
        return self.read_text(address, limit)[0]

    def bytes_value(self, address: int, limit: int = 64 << 20) -> bytes:
        """The content of a bytes (2.7: str), cut to ``limit`` bytes."""
        info = self.type_of(address)
        if not info.flags & BYTES_SUBCLASS:
            raise Damaged(address, "%s where bytes should be" % info.full_name)
        return text.read_bytes(self.access, address, limit)[0]

    def read_int(self, address: int, limit_bits: int) -> Tuple[Optional[int], int]:
        """An int (bool, 2.7's int and long): (value or None when it has more bits than that, bits)."""
        info = self.type_of(address)
        if info.flags & INT_SUBCLASS and self.access.version[0] == 2:
            value = self.access.ssize(address, "PyIntObject", "ob_ival")
            return value, value.bit_length()
        if not info.flags & LONG_SUBCLASS:
            raise Damaged(address, "%s where an int should be" % info.full_name)
        return numbers.read_int(self.access, address, info.itemsize, limit_bits)

    def long_value(self, address: int, limit_bits: int = 1 << 16) -> int:
        """The value of an int; one of more than ``limit_bits`` bits is a ``MemoryFault``."""
        value, bits = self.read_int(address, limit_bits)
        if value is None:
            raise Damaged(address, "int of %d bits" % bits)
        return value

    def float_value(self, address: int) -> float:
        return numbers.read_float(self.access, address)

    def tuple_items(self, address: int, limit: int = _MOST_ITEMS) -> List[int]:
        """The first ``limit`` items of a tuple."""
        return sequences.read_tuple(self.access, address, limit)[0]

    def list_items(self, address: int, limit: int = _MOST_ITEMS) -> List[int]:
        """The first ``limit`` items of a list."""
        return sequences.read_list(self.access, address, limit)[0]

    def dict_items(self, address: int, limit: int = _MOST_ITEMS) -> List[Tuple[int, int]]:
        """The first ``limit`` (key, value) pairs of a dict, in order."""
        return _take(mappings.iterate_dict(self.access, address), limit)

    def dict_get(self, address: int, name: str) -> Optional[int]:
        """The value of the str key ``name``, None when the dict has no such key."""
        return self.types.look_up(address, name)

    def set_items(self, address: int, limit: int = _MOST_ITEMS) -> List[int]:
        """The first ``limit`` elements of a set or frozenset, in the order of its table."""
        return _take(mappings.iterate_set(self.access, address), limit)

    def attribute_dict(self, address: int) -> Dict[str, int]:
        """Name to value of the instance's slots and ``__dict__``; empty when it has neither."""
        return dict(_take(self.attributes.named(address, self.type_of(address)), _MOST_ITEMS))

    def getattr_static(self, address: int, name: str) -> Optional[int]:
        """The attribute of the instance or of its type, found without running anything; None when there is none."""
        return self.attributes.get(address, self.type_of(address), name)

    def repr(self, address: int, limits: ReprLimits = DEFAULT_LIMITS) -> Repr:
        """What ``repr()`` would print, within ``limits``. Damage shows as ``<unreadable 0x…: why>`` inside the text."""
        printer = Printer(self, limits, self._dispatch)
        self._allowance.grant(limits.reads, limits.bytes)
        try:
            printer.value(address)
            type_name = self._type_name_or_hole(address)
        except AllowanceSpent:
            return Repr("?", printer.text() or CUT, True)
        finally:
            self._allowance.release()
        return Repr(type_name, printer.text(), printer.truncated)

    def _type_name_or_hole(self, address: int) -> str:
        try:
            return self.type_of(address).full_name
        except MemoryFault:
            return "?"


def _take(found: Iterator[Any], limit: int) -> List[Any]:
    out: List[Any] = []
    for item in found:
        if len(out) >= limit:
            break
        out.append(item)
    return out


__all__ = ["Values", "Repr", "ReprLimits", "TypeInfo", "hole"]
