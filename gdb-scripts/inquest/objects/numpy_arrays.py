"""numpy arrays and scalars, as far as their structs are stable: numpy/core/include/numpy/ndarraytypes.h, arrayscalars.h.

An array is ``<numpy.ndarray shape (2, 3) dtype int64: 0, 1, 2, …>`` with its first items in C order, a scalar ``numpy.float64(1.5)``.
"""

from __future__ import annotations

import math
import struct
from typing import Dict, Iterator, List, NamedTuple, Optional

from .access import Access
from .limits import Damaged
from .printer import CUT, Handler, Printer
from .text import code_points
from .type_info import TypeInfo

_MOST_DIMENSIONS = 64

# struct module codes by kind and item size.
_CODES = {
    ("b", 1): "?",
    **{("i", size): code for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    **{("u", size): code for size, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    **{("f", size): code for size, code in ((2, "e"), (4, "f"), (8, "d"))},
}
_NAMES = {"b": "bool", "i": "int%d", "u": "uint%d", "f": "float%d", "c": "complex%d", "S": "S", "U": "U", "V": "V", "O": "object"}
_TIME_KINDS = {"M": "datetime64", "m": "timedelta64"}


class Dtype(NamedTuple):
    """``PyArray_Descr *``. ``kind`` is numpy's letter (``i``, ``f``, ``U``, …), ``size`` the bytes of one item."""

    kind: str
    size: int
    order: str
    fields: bool

    @property
    def name(self) -> str:
        if self.kind in _TIME_KINDS:
            return _TIME_KINDS[self.kind]
        pattern = _NAMES.get(self.kind, "?")
        if "%d" in pattern:
            return pattern % (self.size * 8)
        if self.kind in "SV":
            return "%s%d" % (pattern, self.size)
        return "U%d" % (self.size // 4) if self.kind == "U" else pattern


def read_dtype(access: Access, address: int) -> Dtype:
    """numpy 2 has 64-bit flags before a ``Py_ssize_t`` elsize, numpy 1 an int right behind ``type_num``."""
    kind = chr(access.uint(address, "PyArray_Descr", "kind"))
    byteorder = chr(access.uint(address, "PyArray_Descr", "byteorder"))
    if kind not in _NAMES and kind not in _TIME_KINDS and kind not in "T":
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
    fields = access.pointer(address, struct_name, "fields") if kind == "V" else 0
    return Dtype(kind, size, order, bool(fields))


def decode(printer: Printer, dtype: Dtype, raw: bytes) -> str:
    """One item as numpy prints it inside an array."""
    code = _CODES.get((dtype.kind, dtype.size))
    if code is not None:
        value = struct.unpack(dtype.order + code, raw)[0]
        return _shortest(value, code) if code in "ef" else repr(value)
    if dtype.kind == "c" and dtype.size in (8, 16):
        code = "f" if dtype.size == 8 else "d"
        real, imaginary = struct.unpack(dtype.order + code * 2, raw)
        return repr(complex(real, imaginary) if code == "d" else complex(float(_shortest(real, code)), float(_shortest(imaginary, code))))
    if dtype.kind == "S":
        return repr(raw.rstrip(b"\0"))
    if dtype.kind == "U":
        try:
            return repr(code_points(raw, 4, "little" if dtype.order == "<" else "big").rstrip("\0"))
        except ValueError:
            return "<not text>"
    if dtype.kind in _TIME_KINDS:
        return str(struct.unpack(dtype.order + "q", raw)[0]) if dtype.size == 8 else CUT
    return raw[:16].hex()


def _shortest(value: float, code: str) -> str:
    """The fewest digits that are this number in half or single precision: ``0.1``, not what a double makes of it."""
    if math.isfinite(value):
        exact = struct.pack(code, value)
        for digits in range(1, 9):
            shown = float("%.*g" % (digits, value))
            try:
                if struct.pack(code, shown) == exact:
                    return repr(shown)
            except OverflowError:
                continue
    return repr(value)


def _positions(shape: List[int], strides: List[int]) -> Iterator[int]:
    """Byte offsets of the items in C order."""
    index = [0] * len(shape)
    while True:
        yield sum(at * stride for at, stride in zip(index, strides))
        for axis in range(len(shape) - 1, -1, -1):
            index[axis] += 1
            if index[axis] < shape[axis]:
                break
            index[axis] = 0
        else:
            return


def _print_array(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    dimensions = access.sint(address, "PyArrayObject", "nd")
    if not 0 <= dimensions <= _MOST_DIMENSIONS:
        raise Damaged(address, "array of %d dimensions" % dimensions)
    shape = _ssizes(access, access.pointer(address, "PyArrayObject", "dimensions"), dimensions)
    strides = _ssizes(access, access.pointer(address, "PyArrayObject", "strides"), dimensions)
    if any(length < 0 for length in shape):
        raise Damaged(address, "array of shape %r" % (tuple(shape),))
    dtype = read_dtype(access, access.pointer(address, "PyArrayObject", "descr"))
    data = access.pointer(address, "PyArrayObject", "data")
    name = "structured" if dtype.fields else dtype.name
    total = 1
    for length in shape:
        total *= length
    places = _positions(shape, strides) if total else iter(())

    def write_item(offset: int) -> None:
        if dtype.kind == "O":
            printer.value(access.reader.pointer(data + offset))
        else:
            printer.write(decode(printer, dtype, access.reader.read(data + offset, min(dtype.size, 4096))))

    def write_items() -> None:
        printer.items(places, total, write_item)

    title = "<%s shape %r dtype %s: " % (info.full_name, tuple(shape), name)
    printer.container(address, title, ">", write_items)


def _ssizes(access: Access, address: int, count: int) -> List[int]:
    half = 1 << (8 * access.pointer_size - 1)
    return [value - 2 * half if value >= half else value for value in access.reader.pointers(address, count)] if count else []


_SCALARS = {"bool": ("b", 1), "bool_": ("b", 1), "half": ("f", 2), "single": ("f", 4), "double": ("f", 8)}


def _scalar_dtype(name: str) -> Optional[Dtype]:
    for prefix, kind in (("uint", "u"), ("int", "i"), ("float", "f"), ("complex", "c")):
        bits = name[len(prefix) :]
        if name.startswith(prefix) and bits.isdigit() and int(bits) <= 128:
            return Dtype(kind, int(bits) // 8, "=", False)
    return Dtype(*_SCALARS[name], "=", False) if name in _SCALARS else None


def _print_scalar(printer: Printer, address: int, info: TypeInfo) -> None:
    """A scalar's value stands right behind the object header; complex128 and float64 extend no other struct."""
    access = printer.values.access
    if "builtins.str" in info.mro_names or "builtins.bytes" in info.mro_names:
        plain = printer.builtin("builtins.str" if "builtins.str" in info.mro_names else "builtins.bytes")
        printer.call(info.full_name, address, lambda: plain(printer, address, info))
        return
    dtype = _scalar_dtype(info.name)
    if info.name in ("datetime64", "timedelta64"):
        printer.write("%s(%d)" % (info.full_name, access.reader.sint(address + access.size("PyObject"), 8)))
        return
    if dtype is None or (dtype.kind, dtype.size) not in _CODES and dtype.kind != "c":
        printer.write("<%s object at 0x%x>" % (info.full_name, address))
        return
    order = "<" if access.reader.byte_order == "little" else ">"
    raw = access.reader.read(address + access.size("PyObject"), dtype.size)
    printer.write("%s(%s)" % (info.full_name, decode(printer, dtype._replace(order=order), raw)))


def _print_dtype(printer: Printer, address: int, info: TypeInfo) -> None:
    """``dtype('int32')``; ``dtype('>i4')`` where the order of bytes is not the machine's. The names of fields are not read."""
    dtype = read_dtype(printer.values.access, address)
    native = dtype.order == ("<" if printer.values.access.reader.byte_order == "little" else ">")
    if dtype.fields:
        printer.write("<%s of %d bytes with fields>" % (info.full_name, dtype.size))
    elif dtype.kind == "U":
        printer.write("dtype('%s%s')" % (dtype.order, dtype.name))
    elif native or dtype.size == 1 or dtype.kind not in "iufc":
        printer.write("dtype('%s')" % ("O" if dtype.kind == "O" else dtype.name))
    else:
        printer.write("dtype('%s%s%d')" % (dtype.order, dtype.kind, dtype.size))


HANDLERS: Dict[str, Handler] = {
    "numpy.ndarray": _print_array,
    "numpy.generic": _print_scalar,
    "numpy.dtype": _print_dtype,
}
