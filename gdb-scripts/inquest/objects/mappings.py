"""dict in all its layouts, set and frozenset: pointers to keys and values, in the order CPython would iterate them.

- 2.7: ``ma_table`` of (hash, key, value), a deleted entry has no value (Objects/dictobject.c).
- 3.6 to 3.10: ``ma_keys`` with indices of 1, 2, 4 or 8 bytes before the entries; split tables have ``ma_values``.
- 3.11 on: the sizes are logarithms, tables of str keys have entries without a hash; a split dict's values carry a prefix
  (3.11, 3.12) or header and trailer (3.13) with the order of insertion (Include/internal/pycore_dict.h).
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Tuple

from ..memory import MemoryFault
from .access import Access
from .limits import Damaged

_CHUNK_ENTRIES = 64
_LARGEST = 1 << 40
_SHARED_KEYS_MAX = 254

Pair = Tuple[int, int]


class KeysTable(NamedTuple):
    """Where a ``PyDictKeysObject`` has its entries. ``key`` and ``value`` are indices of words in an entry of ``words`` words."""

    entries: int
    length: int
    words: int
    key: int
    value: int


def iterate_dict(access: Access, address: int) -> Iterator[Pair]:
    """(key, value) of each item of a ``PyDictObject *``. What precedes damage is yielded before ``MemoryFault`` is raised."""
    if access.has("PyDictObject", "ma_table"):
        return _iterate_hash_table(access, address)
    keys = read_keys(access, access.pointer(address, "PyDictObject", "ma_keys"))
    values = access.pointer(address, "PyDictObject", "ma_values")
    return iterate_split(access, keys, values) if values else _iterate_combined(access, keys)


def dict_size(access: Access, address: int) -> int:
    """``ma_used``: the number of items, checked for plausibility only."""
    used = access.ssize(address, "PyDictObject", "ma_used")
    if not 0 <= used < _LARGEST:
        raise Damaged(address, "dict whose size says %d" % used)
    return used


def read_keys(access: Access, address: int) -> KeysTable:
    """``PyDictKeysObject *``."""
    count = access.ssize(address, "PyDictKeysObject", "dk_nentries")
    start = address + access.offset("PyDictKeysObject", "dk_indices")
    if access.has("PyDictKeysObject", "dk_log2_size"):
        log2_size = access.uint(address, "PyDictKeysObject", "dk_log2_size")
        log2_index = access.uint(address, "PyDictKeysObject", "dk_log2_index_bytes")
        general = access.uint(address, "PyDictKeysObject", "dk_kind") == 0
        if log2_size > 40 or not log2_size <= log2_index <= log2_size + 3:
            raise Damaged(address, "dict keys whose size says 2**%d" % log2_size)
        size = 1 << log2_size
        entries = start + (1 << log2_index)
    else:
        size = access.ssize(address, "PyDictKeysObject", "dk_size")
        if not 0 < size < _LARGEST or size & (size - 1):
            raise Damaged(address, "dict keys whose size says %d" % size)
        general = True
        entries = start + size * (1 if size <= 0xFF else 2 if size <= 0xFFFF else 4 if size <= 0xFFFFFFFF else 8)
    if not 0 <= count <= size:
        raise Damaged(address, "dict keys with %d entries in a table of %d" % (count, size))
    return KeysTable(entries, count, 3, 1, 2) if general else KeysTable(entries, count, 2, 0, 1)


def _rows(access: Access, table: KeysTable) -> Iterator[List[int]]:
    """The entries of the table as lists of words, read in chunks that grow, so that a look at the first ones costs little."""
    at, step = 0, 8
    width = table.words * access.pointer_size
    while at < table.length:
        count = min(step, table.length - at)
        words = access.reader.pointers(table.entries + at * width, count * table.words)
        for row in range(0, len(words), table.words):
            yield words[row : row + table.words]
        at += count
        step = min(step * 2, _CHUNK_ENTRIES)


def _iterate_combined(access: Access, table: KeysTable) -> Iterator[Pair]:
    for row in _rows(access, table):
        if row[table.value]:
            yield row[table.key], row[table.value]


def iterate_split(access: Access, table: KeysTable, values: int) -> Iterator[Pair]:
    """A table of shared keys with the values of one dict or instance, in the order they were set."""
    step = access.pointer_size
    if not access.has("PyDictValues", "values"):
        keys = [row[table.key] for row in _rows(access, table)]
        for key, value in zip(keys, access.reader.pointers(values, table.length)):
            if value:
                yield key, value
        return
    first = values + access.offset("PyDictValues", "values")
    if access.has("PyDictValues", "capacity"):
        capacity = access.uint(values, "PyDictValues", "capacity")
        used = access.uint(values, "PyDictValues", "size")
        order_at = first + capacity * step
        order = access.reader.read(order_at, used) if used <= capacity else b""
    else:
        prefix, used = access.reader.uint(values - 1, 1), access.reader.uint(values - 2, 1)
        capacity = table.length
        order = access.reader.read(values - 2 - used, used)[::-1] if used <= prefix else b""
    if len(order) != used or capacity > _SHARED_KEYS_MAX:
        raise Damaged(values, "inline values of %d in a room of %d" % (used, capacity))
    keys = [row[table.key] for row in _rows(access, table)]
    slots = access.reader.pointers(first, min(capacity, table.length)) if table.length else []
    for index in order:
        if index >= len(keys) or index >= len(slots):
            raise Damaged(values, "inline value %d of %d" % (index, len(slots)))
        if slots[index]:
            yield keys[index], slots[index]


def _table(access: Access, address: int, count: int, words: int) -> Iterator[List[int]]:
    at, step = 0, 8
    while at < count:
        rows = min(step, count - at)
        raw = access.reader.pointers(address + at * words * access.pointer_size, rows * words)
        for row in range(0, len(raw), words):
            yield raw[row : row + words]
        at += rows
        step = min(step * 2, 512)


def _mask(access: Access, address: int, struct: str, name: str) -> int:
    mask = access.ssize(address, struct, name)
    if not 0 <= mask < _LARGEST or mask & (mask + 1):
        raise Damaged(address, "hash table whose mask says %d" % mask)
    return mask


def _iterate_hash_table(access: Access, address: int) -> Iterator[Pair]:
    """2.7's dict: slots of (hash, key, value)."""
    mask = _mask(access, address, "PyDictObject", "ma_mask")
    left = dict_size(access, address)
    for row in _table(access, access.pointer(address, "PyDictObject", "ma_table"), mask + 1, 3):
        if left <= 0:
            return
        if row[1] and row[2]:
            left -= 1
            yield row[1], row[2]


def set_size(access: Access, address: int) -> int:
    used = access.ssize(address, "PySetObject", "used")
    if not 0 <= used < _LARGEST:
        raise Damaged(address, "set whose size says %d" % used)
    return used


def iterate_set(access: Access, address: int) -> Iterator[int]:
    """The elements of a ``PySetObject *`` in the order of its table. Deleted ones have the hash -1 (in 2.7 their key is a marker str)."""
    mask = _mask(access, address, "PySetObject", "mask")
    left = set_size(access, address)
    key_first = access.offset("setentry", "key") == 0
    no_hash = access.reader.address_mask
    for row in _table(access, access.pointer(address, "PySetObject", "table"), mask + 1, 2):
        if left <= 0:
            return
        key, hashed = (row[0], row[1]) if key_first else (row[1], row[0])
        if not key or (key_first and hashed == no_hash):
            continue
        if not key_first and _is_marker(access, key):
            continue
        left -= 1
        yield key


def _is_marker(access: Access, key: int) -> bool:
    """2.7: ``<dummy key>``, a str that Objects/setobject.c keeps for deleted elements."""
    try:
        if access.var_size(key) != 11:
            return False
        return access.reader.read(key + access.offset("PyStringObject", "ob_sval"), 11) == b"<dummy key>"
    except MemoryFault:
        return False
