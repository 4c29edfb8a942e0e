"""Type objects: names, flags, sizes and bases, validated before anything believes them.

``PyTypeObject`` and ``PyHeapTypeObject`` of Include/cpython/object.h (2.7: Include/object.h).
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from ..memory import MemoryFault
from .access import Access
from .limits import Damaged, Freed, is_fill_pattern
from .mappings import iterate_dict
from .sequences import read_tuple
from .text import WideStrings, read_bytes, read_str
from .type_info import BYTES_SUBCLASS, HEAP_TYPE, TYPE_SUBCLASS, UNICODE_SUBCLASS, TypeInfo

_LONGEST_NAME = 512
_MOST_BASES = 200
_MOST_CACHED_TYPES = 100_000
_MOST_CACHED_KEYS = 200_000
_LONGEST_CHAIN = 8


class Types:
    """Reads and caches types by address, and the texts of str keys."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.wide = WideStrings(access)
        self._infos: Dict[int, TypeInfo] = {}
        self._faults: Dict[int, str] = {}
        self._flags: Dict[int, int] = {}
        self._names: Dict[int, Tuple[str, str, str]] = {}
        self._keys: Dict[int, Optional[str]] = {}
        self._learned: Dict[int, str] = {}

    def learn(self, names: Mapping[int, str]) -> None:
        """``tp_name`` by the type's address, for types whose own name cannot be read: it lies in a file that is missing."""
        self._learned.update(names)
        self._faults.clear()

    def type_of(self, address: int) -> TypeInfo:
        """The type of the object at ``address``."""
        access = self._access
        if address % 4 or address < 4096:
            raise Damaged(address, "not an object's address")
        pointer = access.type_pointer(address)
        if is_fill_pattern(pointer, access.pointer_size):
            raise Freed(address)
        return self.info(pointer, address)

    def info(self, pointer: int, owner: int) -> TypeInfo:
        """The type at ``pointer``; ``owner`` is the object that refers to it, for the fault's message."""
        known = self._infos.get(pointer)
        if known is None:
            if pointer in self._faults:
                raise Damaged(owner, self._faults[pointer])
            try:
                known = self._read(pointer)
            except MemoryFault as fault:
                self._faults[pointer] = "its type 0x%x: %s" % (pointer, fault.why)
                raise Damaged(owner, self._faults[pointer]) from None
            if len(self._infos) < _MOST_CACHED_TYPES:
                self._infos[pointer] = known
        return known

    def flags(self, pointer: int) -> int:
        """``tp_flags`` of a type whose metatypes lead to ``type``, which is its own type."""
        known = self._flags.get(pointer)
        if known is not None:
            return known
        access = self._access
        at = pointer
        for _ in range(_LONGEST_CHAIN):
            if at % 4 or at < 4096:
                raise Damaged(pointer, "not a type")
            above = access.type_pointer(at)
            if at != pointer and not access.uint(at, "PyTypeObject", "tp_flags") & TYPE_SUBCLASS:
                raise Damaged(pointer, "not a type")
            if above == at or self._flags.get(above, 0) & TYPE_SUBCLASS:
                break
            at = above
        else:
            raise Damaged(pointer, "not a type")
        flags = access.uint(pointer, "PyTypeObject", "tp_flags")
        if len(self._flags) < _MOST_CACHED_TYPES:
            self._flags[pointer] = flags
        return flags

    def _read(self, pointer: int) -> TypeInfo:
        access = self._access
        flags = self.flags(pointer)
        name, module, qualname = self.names(pointer)
        basicsize = access.ssize(pointer, "PyTypeObject", "tp_basicsize")
        itemsize = access.ssize(pointer, "PyTypeObject", "tp_itemsize")
        if not access.size_offset <= basicsize + access.pointer_size <= 1 << 24 or not 0 <= itemsize <= 1 << 20:
            raise Damaged(pointer, "a type with objects of %d bytes" % basicsize)
        mro = self._mro(pointer)
        names = []
        for base in mro:
            _, base_module, base_qualname = self.names(base)
            names.append(base_module + "." + base_qualname)
        return TypeInfo(
            address=pointer,
            name=name,
            module=module,
            qualname=qualname,
            c_name=self._c_name(pointer),
            flags=flags,
            basicsize=basicsize,
            itemsize=itemsize,
            dictoffset=access.ssize(pointer, "PyTypeObject", "tp_dictoffset"),
            weaklistoffset=access.ssize(pointer, "PyTypeObject", "tp_weaklistoffset"),
            repr_slot=access.pointer(pointer, "PyTypeObject", "tp_repr"),
            mro_addresses=mro,
            mro_names=tuple(names),
        )

    def _mro(self, pointer: int) -> Tuple[int, ...]:
        """``tp_mro`` without what is no type (2.7's classic classes, damage); the chain of ``tp_base`` where there is none."""
        access = self._access
        try:
            items, _ = read_tuple(access, access.pointer(pointer, "PyTypeObject", "tp_mro"), _MOST_BASES)
        except MemoryFault:
            items = []
            at = pointer
            while at and at not in items and len(items) < _MOST_BASES:
                items.append(at)
                try:
                    at = access.pointer(at, "PyTypeObject", "tp_base")
                except MemoryFault:
                    break
        good = []
        for item in items:
            try:
                self.flags(item)
                self.names(item)
                good.append(item)
            except MemoryFault:
                continue
        return tuple(good) if good and good[0] == pointer else (pointer, *good)

    def _c_name(self, pointer: int) -> str:
        access = self._access
        try:
            raw = access.reader.cstring(access.pointer(pointer, "PyTypeObject", "tp_name"), _LONGEST_NAME)
        except MemoryFault:
            return self._name_without_file(pointer)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged(pointer, "a type whose name is not text") from None
        if not text or not text.isprintable():
            raise Damaged(pointer, "a type without a name")
        return text

    def _name_without_file(self, pointer: int) -> str:
        """The name that was learned, or that a type made at run time keeps on the heap."""
        text = self._learned.get(pointer)
        if text is None and self.flags(pointer) & HEAP_TYPE and self._access.version[0] > 2:
            text = self.key_text(self._access.pointer(pointer, "PyHeapTypeObject", "ht_name"))
        if not text:
            raise Damaged(pointer, "a type whose name is in a missing file")
        return text

    def names(self, pointer: int) -> Tuple[str, str, str]:
        """(``__name__``, ``__module__``, ``__qualname__``) as Objects/typeobject.c works them out."""
        known = self._names.get(pointer)
        if known is not None:
            return known
        access = self._access
        c_name = self._c_name(pointer)
        heap = bool(self.flags(pointer) & HEAP_TYPE)
        before, _, last = c_name.rpartition(".")
        name = last if not heap or access.version[0] > 2 else c_name
        module = before if not heap else ""
        qualname = name
        if heap:
            try:
                qualname = self._heap_qualname(pointer) or name
                found = self.look_up(access.pointer(pointer, "PyTypeObject", "tp_dict"), "__module__")
                module = (self.key_text(found) if found is not None else None) or before
            except MemoryFault:
                module = before
        if module in ("", "__builtin__"):
            module = "builtins"
        result = (name, module, qualname)
        if len(self._names) < _MOST_CACHED_TYPES:
            self._names[pointer] = result
        return result

    def _heap_qualname(self, pointer: int) -> Optional[str]:
        access = self._access
        if not access.has("PyHeapTypeObject", "ht_qualname"):
            return None
        return self.key_text(access.pointer(pointer, "PyHeapTypeObject", "ht_qualname"))

    def key_text(self, address: int) -> Optional[str]:
        """The text of a str (in 2.7 of a unicode or str too), None for any other object; cached, for names and keys."""
        if address in self._keys:
            return self._keys[address]
        access = self._access
        text: Optional[str] = None
        flags = self.flags(access.type_pointer(address))
        if flags & UNICODE_SUBCLASS:
            text = (self.wide.read if access.version[0] == 2 else self._read_str)(address, _LONGEST_NAME)[0]
        elif flags & BYTES_SUBCLASS and access.version[0] == 2:
            text = read_bytes(access, address, _LONGEST_NAME)[0].decode("utf-8", "surrogateescape")
        if len(self._keys) < _MOST_CACHED_KEYS:
            self._keys[address] = text
        return text

    def _read_str(self, address: int, limit: int) -> Tuple[str, int]:
        return read_str(self._access, address, limit)

    def look_up(self, dict_address: int, name: str) -> Optional[int]:
        """The value of the str key ``name`` in the dict at ``dict_address``, None when it has no such key."""
        for key, value in iterate_dict(self._access, dict_address):
            try:
                if self.key_text(key) == name:
                    return value
            except MemoryFault:
                continue
        return None

    def defining(self, info: TypeInfo, name: str) -> Optional[Tuple[int, int]]:
        """(the class along the MRO whose namespace has ``name`` first, its value), None when none has it."""
        for base in info.mro_addresses:
            found = self.own_attribute(base, name)
            if found is not None:
                return base, found
        return None

    def own_attribute(self, pointer: int, name: str) -> Optional[int]:
        """``name`` in the namespace of the type at ``pointer`` itself, None when it has none or cannot be read."""
        try:
            namespace = self._access.pointer(pointer, "PyTypeObject", "tp_dict")
            return self.look_up(namespace, name) if namespace else None
        except MemoryFault:
            return None

    def type_attribute(self, info: TypeInfo, name: str) -> Optional[int]:
        """The first ``name`` in the namespaces along the MRO, None when there is none."""
        found = self.defining(info, name)
        return found[1] if found is not None else None
