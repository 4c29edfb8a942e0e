"""The attributes of an instance: its dict in every place CPython has put one, and its slots.

Where the dict is (Objects/object.c ``_PyObject_GetDictPtr``, Include/internal/pycore_object.h):

- ``tp_dictoffset`` above 0: a pointer there; below 0: that far from the end of a variable-sized object;
- 3.11, ``Py_TPFLAGS_MANAGED_DICT``: pointers before the GC header, the dict at -3 words, inline values at -4;
- 3.12: one word at -3, the address of the values less 1 when its low bit is set;
- 3.13: a pointer at -3 (at -1 without the GIL), else inline values behind the object when its type has ``Py_TPFLAGS_INLINE_VALUES``.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

from ..memory import MemoryFault
from .access import Access
from .limits import Damaged
from .mappings import Pair, iterate_dict, iterate_split, read_keys
from .numbers import digit_count
from .type_info import INLINE_VALUES, LONG_SUBCLASS, MANAGED_DICT, TypeInfo
from .types import Types

_T_OBJECT, _T_OBJECT_EX = 6, 16
_MOST_SLOTS = 1000


class Attributes:
    """Instance attributes, read statically: no ``__getattr__``, no property runs."""

    def __init__(self, access: Access, types: Types) -> None:
        self._access = access
        self._types = types
        self._slots: Dict[int, List[Tuple[str, int]]] = {}

    def instance_dict(self, address: int, info: TypeInfo) -> Tuple[int, int]:
        """(address of the ``PyDictObject``, address of the inline values); both 0 when the instance has no dict."""
        access = self._access
        word = access.pointer_size
        if info.flags & MANAGED_DICT and access.version >= (3, 11):
            return self._managed(address, info)
        if access.version[0] == 2 and info.full_name == "instance":
            return access.pointer(address, "PyInstanceObject", "in_dict"), 0
        offset = info.dictoffset
        if offset == 0:
            return 0, 0
        if offset < 0:
            size = info.basicsize + self._item_count(address, info) * info.itemsize
            offset += (size + word - 1) // word * word
        if not 0 < offset < 1 << 48 or offset % word:
            raise Damaged(address, "a dict at offset %d" % offset)
        return access.reader.pointer(address + offset), 0

    def _item_count(self, address: int, info: TypeInfo) -> int:
        if info.flags & LONG_SUBCLASS:
            return digit_count(self._access, address)[0]
        return abs(self._access.var_size(address))

    def _managed(self, address: int, info: TypeInfo) -> Tuple[int, int]:
        access = self._access
        word = access.pointer_size
        if access.version < (3, 12):
            values, dict_address = access.reader.pointers(address - 4 * word, 2)
            return dict_address, 0 if dict_address else values
        if access.version < (3, 13):
            either = access.reader.pointer(address - 3 * word)
            return (0, either + 1) if either & 1 else (either, 0)
        dict_address = access.reader.pointer(address - (1 if access.layouts.free_threaded else 3) * word)
        if dict_address or not info.flags & INLINE_VALUES:
            return dict_address, 0
        values = address + info.basicsize
        return 0, values if access.uint(values, "PyDictValues", "valid") else 0

    def iterate(self, address: int, info: TypeInfo) -> Iterator[Pair]:
        """(key, value) pairs of the instance's ``__dict__``, in the order they were set."""
        dict_address, values = self.instance_dict(address, info)
        if dict_address:
            return iterate_dict(self._access, dict_address)
        if values:
            keys = self._access.pointer(info.address, "PyHeapTypeObject", "ht_cached_keys")
            return iterate_split(self._access, read_keys(self._access, keys), values)
        return iter(())

    def slots(self, info: TypeInfo) -> List[Tuple[str, int]]:
        """(name, offset) of each ``__slots__`` member of the type and its bases, in order of their offsets."""
        known = self._slots.get(info.address)
        if known is None:
            found: Dict[str, int] = {}
            for base in info.mro_addresses:
                try:
                    if self._types.flags(base) & (1 << 9):
                        self._slots_of(base, info, found)
                except MemoryFault:
                    continue
            known = self._slots[info.address] = sorted(found.items(), key=lambda slot: slot[1])
        return known

    def _slots_of(self, base: int, info: TypeInfo, found: Dict[str, int]) -> None:
        access = self._access
        namespace = access.pointer(base, "PyTypeObject", "tp_dict")
        if not namespace:
            return
        for key, value in iterate_dict(access, namespace):
            try:
                descriptor = self._types.type_of(value)
                if descriptor.name != "member_descriptor" or len(found) >= _MOST_SLOTS:
                    continue
                if access.pointer(value, "PyDescrObject", "d_type", "d_common.d_type") != base:
                    continue
                member = access.pointer(value, "PyMemberDescrObject", "d_member")
                kind = access.uint(member, "PyMemberDef", "type")
                offset = access.ssize(member, "PyMemberDef", "offset")
                name = self._types.key_text(key)
            except MemoryFault:
                continue
            if name is not None and kind in (_T_OBJECT, _T_OBJECT_EX) and 0 < offset < info.basicsize:
                found.setdefault(name, offset)

    def named(self, address: int, info: TypeInfo) -> Iterator[Tuple[str, int]]:
        """(name, value) of slots that are set and of str keys of the dict. Raises ``MemoryFault`` where the dict is damaged,
        after the slots."""
        for name, offset in self.slots(info):
            value = self._access.reader.pointer(address + offset)
            if value:
                yield name, value
        for key, value in self.iterate(address, info):
            try:
                text = self._types.key_text(key)
            except MemoryFault:
                text = None
            yield (text if text is not None else "<unreadable 0x%x>" % key), value

    def get(self, address: int, info: TypeInfo, name: str) -> Optional[int]:
        """The value of the instance's own attribute, then of its type's, None when neither has it."""
        try:
            for found, value in self.named(address, info):
                if found == name:
                    return value
        except MemoryFault:
            pass
        return self._types.type_attribute(info, name)
