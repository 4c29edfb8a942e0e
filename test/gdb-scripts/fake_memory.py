"""A memory made of a dict of pages, and builders that write Python objects into it as each CPython lays them out.

The builders are written from CPython's own allocation code, not from the readers, and share with them nothing but the tables of offsets.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.layout.model import Field, Layouts  # noqa: E402
from inquest.layout.variants import with_trace_refs  # noqa: E402
from inquest.layout.tables import load_named  # noqa: E402
from inquest.memory import MemoryFault  # noqa: E402

_PAGE = 4096


class FakeMemory:
    """Little-endian. ``reads`` counts what was read."""

    byte_order = "little"

    def __init__(self, pointer_size: int = 8) -> None:
        self.pointer_size = pointer_size
        self.pages: Dict[int, bytearray] = {}
        self.reads = 0
        self.bytes = 0
        self._next = 0x7F0000001000 if pointer_size == 8 else 0x50001000

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        self.bytes += size
        out = bytearray()
        while len(out) < size:
            page = self.pages.get((address + len(out)) // _PAGE)
            if page is None:
                raise MemoryFault(address, size)
            start = (address + len(out)) % _PAGE
            out += page[start : start + size - len(out)]
        return bytes(out)

    def write(self, address: int, data: bytes) -> None:
        done = 0
        while done < len(data):
            start = (address + done) % _PAGE
            piece = data[done : done + _PAGE - start]
            self.pages.setdefault((address + done) // _PAGE, bytearray(_PAGE))[start : start + len(piece)] = piece
            done += len(piece)

    def allocate(self, size: int) -> int:
        """Zeroed memory, 16-byte aligned, with room before it for what CPython keeps there."""
        address = self._next + 64
        self._next = (address + size + 15) // 16 * 16
        self.write(address - 64, bytes(size + 64))
        return address


def all_layouts() -> List[Tuple[str, Layouts]]:
    """The plain table of every version, those with ``Py_TRACE_REFS`` (debug builds of old), without the GIL, and of 32-bit machines."""
    names = ["2.7", *("3.%d" % minor for minor in range(6, 16)), "3.13-t", "3.14-t", "3.15-t", "2.7-i386", "3.9-arm", "3.11-i386", "3.13-arm", "3.15-i386"]
    plain = [(name, load_named(name)) for name in names]
    return plain + [(name + " with trace refs", with_trace_refs(load_named(name))) for name in ("2.7", "3.7")]


# Py_TPFLAGS_* of Include/object.h.
HEAP, MANAGED, INLINE = 1 << 9, 1 << 4, 1 << 2
SUBCLASS_BITS = {"long": 24, "list": 25, "tuple": 26, "bytes": 27, "unicode": 28, "dict": 29, "BaseException": 30, "type": 31}
DUMMY_HASH = -1


class Builder:
    """Writes objects; every method answers the address of one."""

    def __init__(self, layouts: Layouts) -> None:
        self.word = layouts.pointer_size
        self.memory = FakeMemory(self.word)
        self.layouts = layouts
        self.version = layouts.version[:2]
        self.old = self.version[0] == 2
        self.header = layouts.size("PyObject")
        self._types: Dict[str, int] = {}
        self.type_type = 0
        self.type_type = self.type("type", flags=1 << 31, basicsize=self.struct_size("PyHeapTypeObject"))
        self.put(self.type_type, "PyObject", "ob_type", self.type_type)
        self.object_type = self.type("object", basicsize=self.header)
        self.none = self.new(self.type("NoneType"), self.header)

    # Fields.

    def place(self, structure: str, *names: str) -> Field:
        fields = self.layouts.struct(structure).fields
        return next(fields[name] for name in names if name in fields)

    def struct_size(self, structure: str) -> int:
        return self.layouts.size(structure)

    def put(self, address: int, structure: str, names: Any, value: int) -> None:
        field = self.place(structure, *(names if isinstance(names, tuple) else (names,)))
        size = field.size if field.size in (1, 2, 4, 8) else self.word
        if field.bits:
            old = int.from_bytes(self.memory.read(address + field.offset, size), "little")
            value = old | value << field.bit
        self.memory.write(address + field.offset, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def words(self, address: int, words: Sequence[int]) -> None:
        mask = (1 << 8 * self.word) - 1
        self.memory.write(address, b"".join((word & mask).to_bytes(self.word, "little") for word in words))

    def word_at(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, self.word), "little")

    def new(self, kind: int, size: int, items: Optional[int] = None) -> int:
        address = self.memory.allocate(size)
        self.put(address, "PyObject", ("ob_refcnt", "ob_ref_shared"), 1)
        self.put(address, "PyObject", "ob_type", kind)
        if items is not None:
            self.put(address, "PyVarObject", "ob_size", items)
        return address

    def c_string(self, text: str) -> int:
        raw = text.encode("utf-8") + b"\0"
        address = self.memory.allocate(len(raw))
        self.memory.write(address, raw)
        return address

    # Types.

    def type(self, name: str, flags: int = 0, basicsize: int = 0, itemsize: int = 0, bases: Sequence[int] = (), module: str = "", dictoffset: int = 0) -> int:
        """A type of C (``tp_name`` with its module), or with ``module`` a class of Python; made once by name."""
        if name in self._types:
            return self._types[name]
        address = self.new(self.type_type, self.struct_size("PyHeapTypeObject"), 0)
        self._types[name] = address
        known = "unicode" if name == "str" and not self.old else "bytes" if name == "str" else "long" if name == "int" and not self.old else name
        if known in SUBCLASS_BITS:
            flags |= 1 << SUBCLASS_BITS[known]
        if name == "int" and self.old:
            flags |= 1 << 23
        self.put(address, "PyTypeObject", "tp_name", self.c_string(name))
        self.put(address, "PyTypeObject", "tp_basicsize", basicsize or self.header + self.word)
        self.put(address, "PyTypeObject", "tp_itemsize", itemsize)
        self.put(address, "PyTypeObject", "tp_flags", flags | (HEAP if module else 0))
        self.put(address, "PyTypeObject", "tp_dictoffset", dictoffset)
        self.put(address, "PyTypeObject", "tp_repr", 0x400000 + len(self._types) if not bases else self._repr_of(bases[0]))
        if name not in ("tuple", "type", "object"):
            everything = [address, *bases, self.object_type]
            self.put(address, "PyTypeObject", "tp_mro", self.tuple(everything))
        if module:
            self.put(address, "PyTypeObject", "tp_dict", self.dict([(self.text("__module__"), self.text(module))]))
            if not self.old:
                self.put(address, "PyHeapTypeObject", "ht_qualname", self.text(name))
        return address

    def _repr_of(self, base: int) -> int:
        return self.word_at(base + self.place("PyTypeObject", "tp_repr").offset)

    # Texts.

    def text(self, value: str, form: str = "compact", wide: int = 2) -> int:
        """A str. ``form``: ``compact``, ``legacy`` (ready, with its data elsewhere), ``wchar`` (not ready, to 3.11)."""
        if self.old:
            return self.text_2(value, wide)
        kind = self.type("str", basicsize=self.struct_size("PyUnicodeObject"))
        highest = max(map(ord, value), default=0)
        width = 1 if highest < 256 else 2 if highest < 65536 else 4
        ascii_only = highest < 128
        raw = b"".join(ord(character).to_bytes(width, "little") for character in value) + bytes(width)
        if form == "compact":
            head = self.struct_size("PyASCIIObject" if ascii_only else "PyCompactUnicodeObject")
            address = self.new(kind, head + len(raw))
            self.memory.write(address + head, raw)
        else:
            address = self.new(kind, self.struct_size("PyUnicodeObject"))
        if form == "wchar":
            data = self.memory.allocate(4 * len(value) + 4)
            self.memory.write(data, value.encode("utf-32-le", "surrogatepass"))
            self.put(address, "PyASCIIObject", "wstr", data)
            self.put(address, "PyCompactUnicodeObject", "wstr_length", len(value))
            return address
        if form == "legacy":
            data = self.memory.allocate(len(raw))
            self.memory.write(data, raw)
            self.put(address, "PyUnicodeObject", "data.any", data)
        self.put(address, "PyASCIIObject", "length", len(value))
        self.put(address, "PyASCIIObject", "state.kind", width)
        self.put(address, "PyASCIIObject", "state.compact", form == "compact")
        self.put(address, "PyASCIIObject", "state.ascii", ascii_only)
        self.put(address, "PyASCIIObject", "state.interned", 1)
        return address

    def text_2(self, value: str, wide: int) -> int:
        kind = self.type("unicode", basicsize=self.struct_size("PyUnicodeObject"))
        address = self.new(kind, self.struct_size("PyUnicodeObject"))
        raw = value.encode("utf-16-le" if wide == 2 else "utf-32-le", "surrogatepass")
        data = self.memory.allocate(len(raw) + wide)
        self.memory.write(data, raw)
        self.put(address, "PyUnicodeObject", "length", len(raw) // wide)
        self.put(address, "PyUnicodeObject", "str", data)
        return address

    def bytes(self, value: bytes) -> int:
        name = "PyStringObject" if self.old else "PyBytesObject"
        kind = self.type("str" if self.old else "bytes", basicsize=self.struct_size(name), itemsize=1)
        start = self.place(name, "ob_sval").offset
        address = self.new(kind, start + len(value) + 1, len(value))
        self.memory.write(address + start, value)
        return address

    # Numbers.

    def int(self, value: int, digit_bits: int = 30) -> int:
        """An int (2.7: a long) of digits of 30 or 15 bits."""
        size = 4 if digit_bits == 30 else 2
        name = "long" if self.old else "int"
        kind = self.type(name, basicsize=self.header + self.word, itemsize=size)
        digits = []
        rest = abs(value)
        while rest:
            digits.append(rest & ((1 << digit_bits) - 1))
            rest >>= digit_bits
        start = self.place("PyLongObject", "long_value.ob_digit", "ob_digit").offset
        address = self.new(kind, start + size * max(1, len(digits)))
        self.memory.write(address + start, b"".join(digit.to_bytes(size, "little") for digit in digits))
        if self.version >= (3, 12):
            sign = 1 if not value else 2 if value < 0 else 0
            self.put(address, "PyLongObject", "long_value.lv_tag", len(digits) << 3 | sign)
        else:
            self.put(address, "PyVarObject", "ob_size", -len(digits) if value < 0 else len(digits))
        return address

    def small_int_2(self, value: int) -> int:
        address = self.new(self.type("int"), self.struct_size("PyIntObject"))
        self.put(address, "PyIntObject", "ob_ival", value)
        return address

    def float(self, value: float) -> int:
        address = self.new(self.type("float"), self.struct_size("PyFloatObject"))
        self.memory.write(address + self.place("PyFloatObject", "ob_fval").offset, struct.pack("<d", value))
        return address

    # Containers.

    def tuple(self, items: Sequence[int]) -> int:
        kind = self.type("tuple", basicsize=self.header + self.word, itemsize=self.word)
        start = self.place("PyTupleObject", "ob_item").offset
        address = self.new(kind, start + self.word * len(items), len(items))
        self.words(address + start, items)
        return address

    def list(self, items: Sequence[int], spare: int = 3) -> int:
        address = self.new(self.type("list"), self.struct_size("PyListObject"), len(items))
        data = self.memory.allocate(self.word * (len(items) + spare))
        self.words(data, items)
        self.put(address, "PyListObject", "ob_item", data)
        self.put(address, "PyListObject", "allocated", len(items) + spare)
        return address

    def dict(self, pairs: Sequence[Tuple[int, int]], unicode_keys: bool = False, log2_size: int = 3) -> int:
        """A combined table. A value of 0 is a deleted entry; ``unicode_keys`` makes the entries of 3.11 without hashes."""
        address = self.new(self.type("dict"), self.struct_size("PyDictObject"))
        used = sum(1 for _, value in pairs if value)
        self.put(address, "PyDictObject", "ma_used", used)
        while (1 << log2_size) * 2 // 3 < len(pairs):
            log2_size += 1
        if self.old:
            self._dict_2(address, pairs, log2_size)
        else:
            self.put(address, "PyDictObject", "ma_keys", self.keys(pairs, 1 if unicode_keys else 0, log2_size))
        return address

    def _dict_2(self, address: int, pairs: Sequence[Tuple[int, int]], log2_size: int) -> None:
        size = 1 << log2_size
        table = self.memory.allocate(3 * self.word * size)
        step = max(1, size // (len(pairs) + 1))
        for at, (key, value) in enumerate(pairs):
            self.words(table + 3 * self.word * at * step, [at, key, value])
        self.put(address, "PyDictObject", "ma_mask", size - 1)
        self.put(address, "PyDictObject", "ma_table", table)

    def keys(self, pairs: Sequence[Tuple[int, int]], kind: int, log2_size: int) -> int:
        """``PyDictKeysObject``: ``kind`` 0 general, 1 str keys, 2 shared keys."""
        size = 1 << log2_size
        width = 1 if size <= 0xFF else 2 if size <= 0xFFFF else 4
        start = self.place("PyDictKeysObject", "dk_indices").offset
        modern = self.version >= (3, 11)
        words = 2 if modern and kind else 3
        address = self.memory.allocate(start + size * width + self.word * words * max(1, size * 2 // 3))
        if modern:
            self.put(address, "PyDictKeysObject", "dk_log2_size", log2_size)
            self.put(address, "PyDictKeysObject", "dk_log2_index_bytes", (size * width).bit_length() - 1)
            self.put(address, "PyDictKeysObject", "dk_kind", kind)
        else:
            self.put(address, "PyDictKeysObject", "dk_size", size)
        self.put(address, "PyDictKeysObject", "dk_nentries", len(pairs))
        for at, (key, value) in enumerate(pairs):
            row = [key, value] if words == 2 else [at + 1000, key, value]
            self.words(address + start + size * width + self.word * words * at, row)
        return address

    def set(self, items: Sequence[int], deleted: int = 0, frozen: bool = False) -> int:
        address = self.new(self.type("frozenset" if frozen else "set"), self.struct_size("PySetObject"))
        size = 8
        while size < 2 * (len(items) + deleted) + 1:
            size *= 2
        table = self.memory.allocate(2 * self.word * size)
        dummy = self.bytes(b"<dummy key>") if self.old else self.new(self.object_type, self.header)
        for at, item in enumerate([*items, *[dummy] * deleted]):
            row = [item, at + 5 if at < len(items) else DUMMY_HASH]
            self.words(table + 4 * self.word * at, row[::-1] if self.old else row)
        self.put(address, "PySetObject", "used", len(items))
        self.put(address, "PySetObject", "fill", len(items) + deleted)
        self.put(address, "PySetObject", "mask", size - 1)
        self.put(address, "PySetObject", "table", table)
        return address

    # Instances.

    def split_values(self, address: int, values: Sequence[int], order: Sequence[int], capacity: int) -> None:
        """3.13's ``PyDictValues`` at ``address``: header, values, order of insertion."""
        for name, value in (("capacity", capacity), ("size", len(order)), ("embedded", 1), ("valid", 1)):
            self.put(address, "PyDictValues", name, value)
        first = address + self.place("PyDictValues", "values").offset
        self.words(first, [*values, *[0] * (capacity - len(values))])
        self.memory.write(first + self.word * capacity, bytes(order))

    def prefixed_values(self, values: Sequence[int], order: Sequence[int]) -> int:
        """3.11's and 3.12's: sizes and order lie before the values, backwards."""
        address = self.memory.allocate(self.word * len(values) + 64)
        self.words(address, values)
        prefix = bytes([*reversed(order), len(order), (len(values) + 2 + 7) // 8 * 8])
        self.memory.write(address - len(prefix), prefix)
        return address

    def instance(self, class_name: str, names: Sequence[str], values: Sequence[int], order: Sequence[int], how: str) -> int:
        """An instance of a class of Python. ``how``: ``dict`` (a dict of its own), ``split`` (to 3.10 a split dict, then inline values)."""
        size = self.header + 2 * self.word
        if self.version < (3, 11):
            kind = self.type(class_name, basicsize=size, module="shop", dictoffset=self.header)
            address = self.new(kind, size)
            pairs = [(self.text(names[at]), values[at]) for at in order]
            if how == "dict" or self.old:
                namespace = self.dict(pairs)
            else:
                namespace = self.dict([])
                self.put(namespace, "PyDictObject", "ma_keys", self.keys([(key, 0) for key, _ in pairs], 2, 4))
                self.put(namespace, "PyDictObject", "ma_values", self.memory.allocate(self.word * (len(pairs) + 1)))
                table = self.word_at(namespace + self.place("PyDictObject", "ma_values").offset)
                self.words(table, [value for _, value in pairs])
            self.words(address + self.header, [namespace])
            return address
        modern = self.version >= (3, 13)
        kind = self.type(class_name, flags=MANAGED | (INLINE if modern else 0), basicsize=size, module="shop", dictoffset=-1)
        self.put(kind, "PyHeapTypeObject", "ht_cached_keys", self.keys([(self.text(name), 0) for name in names], 2, 5))
        capacity = len(names) + 2
        address = self.new(kind, size + 16 + (self.word + 1) * capacity)
        managed = -self.word if self.layouts.free_threaded else -3 * self.word
        if how == "dict":
            namespace = self.dict([(self.text(names[at]), values[at]) for at in order], unicode_keys=True)
            self.words(address + managed, [namespace])
        elif modern:
            self.split_values(address + size, values, order, capacity)
        elif self.version == (3, 12):
            self.words(address - 3 * self.word, [self.prefixed_values(values, order) - 1])
        else:
            self.words(address - 4 * self.word, [self.prefixed_values(values, order), 0])
        return address
