"""numpy arrays and scalars, as far as their structs are stable: numpy/core/include/numpy/ndarraytypes.h, arrayscalars.h.

An array is ``<numpy.ndarray shape (2, 3) dtype int64: 0, 1, 2, …>`` with its first items in C order, a scalar ``numpy.float64(1.5)``.
"""

from __future__ import annotations

import math
import struct
from typing import Dict, Iterator, List, Optional

from .access import Access
from .limits import Damaged
from .numpy_dtypes import Dtype, DtypeField, read_dtype, read_unit
from .numpy_times import datetime_text, timedelta_text
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
_LONGEST_ITEM = 4096
# npy_packed_static_string: flags in the last byte's upper half, for text of up to 15 bytes its size in the lower.
_SHORT_STRING, _MISSING_STRING = 0x60, 0x80


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
    if dtype.kind in "Mm" and dtype.size == 8:
        count = struct.unpack(dtype.order + "q", raw)[0]
        return repr(datetime_text(count, dtype.unit)) if dtype.kind == "M" else timedelta_text(count)
    if dtype.fields:
        shown = [_decode_field(printer, field, raw) for field in dtype.fields]
        return "(%s)" % ", ".join(shown) if len(shown) > 1 else "(%s,)" % shown[0]
    if dtype.kind == "T" and len(raw) == 16:
        return _decode_string(raw)
    return raw[:16].hex()


def _decode_field(printer: Printer, field: DtypeField, raw: bytes) -> str:
    part = raw[field.offset : field.offset + field.dtype.size]
    return CUT if field.dtype.kind == "O" or len(part) < field.dtype.size else decode(printer, field.dtype, part)


def _decode_string(raw: bytes) -> str:
    if raw[15] & _MISSING_STRING:
        return "<missing>"
    return repr(raw[: raw[15] & 15].decode("utf-8", "replace")) if raw[15] & 0xF0 == _SHORT_STRING else CUT


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
    dtype = read_dtype(printer, access.pointer(address, "PyArrayObject", "descr"))
    data = access.pointer(address, "PyArrayObject", "data")
    masked = _masked(printer, address, info, shape)
    total = 1
    for length in shape:
        total *= length
    places = _positions(shape, strides) if total else iter(())

    def write_item(offset: int) -> None:
        if masked is not None and next(masked):
            printer.write("--")
        elif dtype.kind == "O":
            printer.value(access.reader.pointer(data + offset))
        else:
            printer.write(decode(printer, dtype, access.reader.read(data + offset, min(dtype.size, _LONGEST_ITEM))))

    def write_items() -> None:
        printer.items(places, total, write_item)

    title = "<%s shape %r dtype %s: " % (info.full_name, tuple(shape), dtype.name)
    printer.container(address, title, ">", write_items)


def _masked(printer: Printer, address: int, info: TypeInfo, shape: List[int]) -> Optional[Iterator[bool]]:
    """Of a ``numpy.ma.MaskedArray`` with a mask: for each item in C order whether it is masked."""
    if "numpy.ma.MaskedArray" not in info.mro_names and "numpy.ma.core.MaskedArray" not in info.mro_names:
        return None
    access = printer.values.access
    mask = next((value for name, value in printer.values.attributes.named(address, info) if name == "_mask"), 0)
    if not mask or "numpy.ndarray" not in printer.values.type_of(mask).mro_names:
        return None
    if access.sint(mask, "PyArrayObject", "nd") != len(shape) or read_dtype(printer, access.pointer(mask, "PyArrayObject", "descr")).kind != "b":
        return None
    strides = _ssizes(access, access.pointer(mask, "PyArrayObject", "strides"), len(shape))
    data = access.pointer(mask, "PyArrayObject", "data")
    return (access.reader.uint(data + at, 1) != 0 for at in _positions(shape, strides))


def _ssizes(access: Access, address: int, count: int) -> List[int]:
    half = 1 << (8 * access.pointer_size - 1)
    return [value - 2 * half if value >= half else value for value in access.reader.pointers(address, count)] if count else []


_SCALARS = {"bool": ("b", 1), "bool_": ("b", 1), "half": ("f", 2), "single": ("f", 4), "double": ("f", 8)}


def _scalar_dtype(name: str) -> Optional[Dtype]:
    for prefix, kind in (("uint", "u"), ("int", "i"), ("float", "f"), ("complex", "c")):
        bits = name[len(prefix) :]
        if name.startswith(prefix) and bits.isdigit() and int(bits) <= 128:
            return Dtype(kind, int(bits) // 8, "=")
    return Dtype(*_SCALARS[name], "=") if name in _SCALARS else None


def _print_scalar(printer: Printer, address: int, info: TypeInfo) -> None:
    """A scalar's value stands right behind the object header; complex128 and float64 extend no other struct."""
    access = printer.values.access
    if "builtins.str" in info.mro_names or "builtins.bytes" in info.mro_names:
        plain = printer.builtin("builtins.str" if "builtins.str" in info.mro_names else "builtins.bytes")
        printer.call(info.full_name, address, lambda: plain(printer, address, info))
        return
    dtype = _scalar_dtype(info.name)
    if info.name in ("datetime64", "timedelta64"):
        _print_time(printer, address, info)
        return
    if "numpy.void" in info.mro_names:
        _print_void(printer, address, info)
        return
    if dtype is None or (dtype.kind, dtype.size) not in _CODES and dtype.kind != "c":
        printer.write("<%s object at 0x%x>" % (info.full_name, address))
        return
    order = "<" if access.reader.byte_order == "little" else ">"
    raw = access.reader.read(address + access.size("PyObject"), dtype.size)
    printer.write("%s(%s)" % (info.full_name, decode(printer, dtype._replace(order=order), raw)))


def _print_time(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyDatetimeScalarObject``, ``PyTimedeltaScalarObject``: the count (64 bits), and its unit behind it."""
    access = printer.values.access
    at = address + access.size("PyObject")
    at += -at % 8
    count, unit = access.reader.sint(at, 8), read_unit(access, at + 8, "PyArray_DatetimeMetaData")
    if info.name == "datetime64":
        printer.write("%s(%r)" % (info.full_name, datetime_text(count, unit)))
        return
    text = timedelta_text(count)
    shown = [repr(text) if text == "NaT" else text] + ([repr(unit)] if unit else [])
    printer.write("%s(%s)" % (info.full_name, ", ".join(shown)))


def _print_void(printer: Printer, address: int, info: TypeInfo) -> None:
    """``numpy.void((1, 2.5, b'ab'))``; without fields its bytes in hexadecimal."""
    access = printer.values.access
    dtype = read_dtype(printer, access.pointer(address, "PyVoidScalarObject", "descr"))
    raw = access.reader.read(access.pointer(address, "PyVoidScalarObject", "obval"), min(dtype.size, _LONGEST_ITEM))
    printer.write("%s(%s)" % (info.full_name, decode(printer, dtype, raw)))


def _print_dtype(printer: Printer, address: int, info: TypeInfo) -> None:
    """``dtype('int32')``; ``dtype('>i4')`` where the order of bytes is not the machine's. """
    dtype = read_dtype(printer, address)
    native = dtype.order == ("<" if printer.values.access.reader.byte_order == "little" else ">")
    if dtype.fields:
        printer.write("dtype(%s)" % dtype.name)
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
