"""int, float, complex: Include/cpython/longintrepr.h, 2.7's intobject.h, floatobject.h, complexobject.h."""

from __future__ import annotations

from typing import Optional, Tuple

from .access import Access
from .limits import Damaged

_MOST_DIGITS = 1 << 40


def digit_count(access: Access, address: int) -> Tuple[int, bool]:
    """(number of digits, negative) of a ``PyLongObject *``. 3.12 keeps both in ``lv_tag`` (count << 3 | 2 when negative),
    older ones in the size and sign of ``ob_size``."""
    if access.has("PyLongObject", "long_value.lv_tag"):
        tag = access.uint(address, "PyLongObject", "long_value.lv_tag")
        return tag >> 3, tag & 3 == 2
    size = access.var_size(address)
    return abs(size), size < 0


def read_int(access: Access, address: int, digit_size: int, limit_bits: int) -> Tuple[Optional[int], int]:
    """``PyLongObject *``: (value, bits). The value is None when it has more than ``limit_bits`` bits.

    ``digit_size`` is the itemsize of ``int``: digits of 4 bytes hold 30 bits, of 2 bytes 15.
    """
    count, negative = digit_count(access, address)
    if count > _MOST_DIGITS:
        raise Damaged(address, "int of %d digits" % count)
    per_digit = 15 if digit_size == 2 else 30
    size = 2 if digit_size == 2 else 4
    start = address + access.offset("PyLongObject", "long_value.ob_digit", "ob_digit")
    if count == 0:
        return 0, 0
    if count == 1:
        value = access.reader.uint(start, size)
    elif (count - 1) * per_digit >= limit_bits:
        top = access.reader.uint(start + (count - 1) * size, size)
        return None, (count - 1) * per_digit + top.bit_length()
    else:
        raw = access.reader.read(start, count * size)
        value = 0
        for at in range((count - 1) * size, -1, -size):
            digit = int.from_bytes(raw[at : at + size], "little" if access.reader.byte_order == "little" else "big")
            if digit >> per_digit:
                raise Damaged(address, "int with a digit of 0x%x" % digit)
            value = value << per_digit | digit
    if value >> per_digit and count == 1:
        raise Damaged(address, "int with a digit of 0x%x" % value)
    return -value if negative else value, value.bit_length()


def read_float(access: Access, address: int) -> float:
    """``PyFloatObject *``."""
    return access.reader.double(address + access.offset("PyFloatObject", "ob_fval"))


def read_complex(access: Access, address: int) -> complex:
    """``PyComplexObject *``."""
    place = access.offset("PyComplexObject", "cval.real", "cval")
    return complex(access.reader.double(address + place), access.reader.double(address + place + 8))
