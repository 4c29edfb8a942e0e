"""numpy's dtypes: which kind of item, how large, with which fields or unit (numpy/core/include/numpy/ndarraytypes.h)."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from .access import Access
from .limits import Damaged
from .numpy_times import unit_text
from .printer import CUT, Printer

_NAMES = {"b": "bool", "i": "int%d", "u": "uint%d", "f": "float%d", "c": "complex%d", "S": "S", "U": "U", "V": "V", "O": "object", "T": "StringDType"}
_TIME_KINDS = {"M": "datetime64", "m": "timedelta64"}
_MOST_FIELDS = 64
_MOST_NESTED = 4
_LONGEST_NAME = 100


class Dtype(NamedTuple):
    """``PyArray_Descr *``. ``kind`` is numpy's letter (``i``, ``f``, ``U``, …), ``size`` the bytes of one item, ``unit`` that of times."""

    kind: str
    size: int
    order: str
    fields: Tuple["DtypeField", ...] = ()
    unit: str = ""

    @property
    def name(self) -> str:
        """``int64``, ``datetime64[D]``, ``{id: int32, weight: float64}``."""
        if self.fields:
            shown = ["%s: %s" % (field.name, field.dtype.name) for field in self.fields[:8]]
            return "{%s}" % ", ".join(shown + ([CUT] if len(self.fields) > len(shown) else []))
        if self.kind in _TIME_KINDS:
            return _TIME_KINDS[self.kind] + ("[%s]" % self.unit if self.unit else "")
        pattern = _NAMES.get(self.kind, "?")
        if "%d" in pattern:
            return pattern % (self.size * 8)
        if self.kind in "SV":
            return "%s%d" % (pattern, self.size)
        return "U%d" % (self.size // 4) if self.kind == "U" else pattern


class DtypeField(NamedTuple):
    """One field of a structured dtype, ``offset`` bytes into the item."""

    name: str
    dtype: Dtype
    offset: int


def read_dtype(printer: Printer, address: int, nested: int = 0) -> Dtype:
    """numpy 2 has 64-bit flags before a ``Py_ssize_t`` elsize, numpy 1 an int right behind ``type_num``."""
    access = printer.values.access
    kind = chr(access.uint(address, "PyArray_Descr", "kind"))
    byteorder = chr(access.uint(address, "PyArray_Descr", "byteorder"))
    if kind not in _NAMES and kind not in _TIME_KINDS:
        raise Damaged(address, "dtype of kind %r" % kind)
    size = access.ssize(address, "PyArray_Descr2", "elsize")
    struct_name = "PyArray_Descr2"
    # In numpy 1 that word is a pointer or NULL.
    if not 0 < size < 1 << 31:
        size = access.sint(address, "PyArray_Descr", "elsize")
        struct_name = "PyArray_Descr"
    if not 0 <= size < 1 << 31:
        raise Damaged(address, "dtype of %d bytes" % size)
    little = access.reader.byte_order == "little"
    order = "<" if byteorder == "<" or (byteorder not in "<>" and little) else ">"
    fields = _fields(printer, address, struct_name, nested) if kind == "V" and nested < _MOST_NESTED else ()
    return Dtype(kind, size, order, fields, _unit(access, address, struct_name) if kind in _TIME_KINDS else "")


def _unit(access: Access, address: int, struct_name: str) -> str:
    metadata = access.pointer(address, struct_name, "c_metadata")
    return read_unit(access, metadata, "PyArray_DatetimeDTypeMetaData") if metadata else ""


def read_unit(access: Access, address: int, struct_name: str) -> str:
    return unit_text(access.sint(address, struct_name, "base"), access.sint(address, struct_name, "num"))


def _fields(printer: Printer, address: int, struct_name: str, nested: int) -> Tuple[DtypeField, ...]:
    """In the order of ``names``, by the dict ``fields`` of (dtype, offset) and perhaps a title."""
    values = printer.values
    table, names = values.access.pointer(address, struct_name, "fields"), values.access.pointer(address, struct_name, "names")
    if not table or not names or values.type_of(table).full_name == "NoneType":
        return ()
    by_name = {values.str_value(key, _LONGEST_NAME): value for key, value in values.dict_items(table, 2 * _MOST_FIELDS)}
    found = []
    for name in (values.str_value(item, _LONGEST_NAME) for item in values.tuple_items(names, _MOST_FIELDS)):
        if name in by_name:
            dtype, offset = values.tuple_items(by_name[name], 2)
            found.append(DtypeField(name, read_dtype(printer, dtype, nested + 1), int(values.long_value(offset, 64) or 0)))
    return tuple(found)
