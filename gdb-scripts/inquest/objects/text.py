"""str, bytes and bytearray: Include/cpython/unicodeobject.h (PEP 393), Objects/bytesobject.c, 2.7's Objects/stringobject.c.

Readers return Python ``str`` with lone surrogates and NULs kept, as they stood in the dead process.
"""

from __future__ import annotations

import struct
from typing import Optional, Tuple

from ..memory import MemoryFault
from .access import Access
from .limits import Damaged

_LARGEST = 1 << 48


def _length(address: int, length: int, what: str) -> int:
    if not 0 <= length < _LARGEST:
        raise Damaged(address, "%s whose length says %d" % (what, length))
    return length


def _state_bits(access: Access, address: int) -> Tuple[int, bool, bool]:
    """(kind, compact, ascii) of ``PyASCIIObject.state``. Kind is 1, 2 or 4; 0 is a string of ``wchar_t`` that is not ready (3.11 and older)."""
    kind, compact, ascii_only = (access.field("PyASCIIObject", "state." + name) for name in ("kind", "compact", "ascii"))
    bits = access.reader.uint(address + kind.offset, 4)
    return bits >> kind.bit & 7, bool(bits >> compact.bit & 1), bool(bits >> ascii_only.bit & 1)


def code_points(raw: bytes, width: int, order: str) -> str:
    """Code units of ``width`` bytes as text, each unit by itself (surrogate pairs are not joined). Raises ``ValueError``."""
    if width == 1:
        return raw.decode("latin-1")
    if width == 4:
        return raw.decode("utf-32-" + ("le" if order == "little" else "be"), "surrogatepass")
    units = struct.unpack("%s%dH" % ("<" if order == "little" else ">", len(raw) // 2), raw)
    return "".join(map(chr, units))


def read_str(access: Access, address: int, limit: int) -> Tuple[str, int]:
    """``PyUnicodeObject *`` of Python 3: its first ``limit`` characters and its full length."""
    length = _length(address, access.ssize(address, "PyASCIIObject", "length"), "str")
    kind, compact, is_ascii = _state_bits(access, address)
    if kind == 0 and access.has("PyASCIIObject", "wstr"):
        return _read_not_ready(access, address, limit)
    if kind not in (1, 2, 4) or (is_ascii and kind != 1):
        raise Damaged(address, "str of unknown kind %d" % kind)
    if not compact:
        data = access.pointer(address, "PyUnicodeObject", "data.any")
    elif is_ascii:
        data = address + access.size("PyASCIIObject")
    else:
        data = address + access.size("PyCompactUnicodeObject")
    raw = access.reader.read(data, min(length, limit) * kind) if length and limit > 0 else b""
    if is_ascii and not raw.isascii():
        raise Damaged(address, "ASCII str with bytes above 127")
    try:
        return code_points(raw, kind, access.reader.byte_order), length
    except ValueError:
        raise Damaged(address, "str with a code point above 0x10ffff") from None


def _read_not_ready(access: Access, address: int, limit: int) -> Tuple[str, int]:
    """A legacy string of ``wchar_t`` (PEP 393, up to 3.11), 4 bytes each on Linux."""
    length = _length(address, access.ssize(address, "PyCompactUnicodeObject", "wstr_length"), "str")
    data = access.pointer(address, "PyASCIIObject", "wstr")
    if not data and length:
        raise Damaged(address, "str of unknown kind 0")
    raw = access.reader.read(data, min(length, limit) * 4) if length and limit > 0 else b""
    try:
        return code_points(raw, 4, access.reader.byte_order), length
    except ValueError:
        raise Damaged(address, "str with a code point above 0x10ffff") from None


def read_bytes(access: Access, address: int, limit: int) -> Tuple[bytes, int]:
    """``PyBytesObject *`` (2.7: ``PyStringObject *``): its first ``limit`` bytes and its full length."""
    length = _length(address, access.var_size(address), "bytes")
    name = "PyStringObject" if access.version[0] == 2 else "PyBytesObject"
    return access.reader.read(address + access.offset(name, "ob_sval"), min(length, limit)) if length and limit > 0 else b"", length


def read_bytearray(access: Access, address: int, limit: int) -> Tuple[bytes, int]:
    """``PyByteArrayObject *``: its first ``limit`` bytes and its full length."""
    length = _length(address, access.var_size(address), "bytearray")
    if not length or limit <= 0:
        return b"", length
    start = access.pointer(address, "PyByteArrayObject", "ob_start", "ob_bytes")
    return access.reader.read(start, min(length, limit)), length


class WideStrings:
    """``PyUnicodeObject *`` of 2.7, whose units are 2 or 4 bytes by how that Python was configured.

    Nothing in the object tells which, so the first string that is plausible in one way only decides for all.
    """

    def __init__(self, access: Access, width: Optional[int] = None) -> None:
        self._access = access
        self._width = width

    def read(self, address: int, limit: int) -> Tuple[str, int]:
        access = self._access
        length = _length(address, access.ssize(address, "PyUnicodeObject", "length"), "unicode")
        data = access.pointer(address, "PyUnicodeObject", "str")
        if not length or limit <= 0:
            return "", length
        width = self._width or self._guess(data, length)
        raw = access.reader.read(data, min(length, limit) * width)
        try:
            text = code_points(raw, width, access.reader.byte_order)
        except ValueError:
            raise Damaged(address, "unicode with a code point above 0x10ffff") from None
        if width == 2:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        return text, length

    def _guess(self, data: int, length: int) -> int:
        """4 when the text and its terminating NUL make sense as 4-byte units, else 2. A short text may make sense both ways: it settles nothing."""
        access = self._access
        sample = min(length, 256)
        try:
            raw = access.reader.read(data, (sample + (sample == length)) * 4)
        except MemoryFault:
            return 2
        try:
            code_points(raw[: sample * 4], 4, access.reader.byte_order)
            wide = sample != length or raw[-4:] == b"\0\0\0\0"
        except ValueError:
            wide = False
        narrow = raw[: length * 2]
        if wide and sample == length and raw[length * 2 : length * 2 + 2] == b"\0\0":
            return 4 if any(narrow[at : at + 2] == b"\0\0" for at in range(0, len(narrow), 2)) else 2
        if not wide or length > 1:
            self._width = 4 if wide else 2
        return 4 if wide else 2


def quote_unicode_2(text: str) -> str:
    """As 2.7's ``repr(unicode)``: ``u'...'`` with escapes for all that is not printable ASCII."""
    mark = '"' if "'" in text and '"' not in text else "'"
    out = ["u", mark]
    for character in text:
        point = ord(character)
        if character in (mark, "\\"):
            out.append("\\" + character)
        elif character in "\t\n\r":
            out.append({"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character])
        elif 32 <= point < 127:
            out.append(character)
        elif point < 256:
            out.append("\\x%02x" % point)
        else:
            out.append("\\u%04x" % point if point < 0x10000 else "\\U%08x" % point)
    return "".join(out) + mark
