"""Builds small ELF files and cores, byte by byte, for the tests of the readers."""

from __future__ import annotations

import struct
from typing import List, NamedTuple, Optional, Sequence, Tuple

PT_LOAD, PT_NOTE = 1, 4
R, W = 4, 2


class Piece(NamedTuple):
    """One segment: ``data`` is what the file holds of its ``memsz`` bytes at ``vaddr``."""

    vaddr: int
    data: bytes
    memsz: int
    flags: int = R
    kind: int = PT_LOAD
    offset: Optional[int] = None


def note(name: bytes, kind: int, desc: bytes) -> bytes:
    def padded(raw: bytes) -> bytes:
        return raw + bytes(-len(raw) % 4)

    return struct.pack("<III", len(name) + 1, len(desc), kind) + padded(name + b"\0") + padded(desc)


def nt_file(files: Sequence[Tuple[int, int, int, str]], page: int = 4096) -> bytes:
    """(start, end, byte offset, path) of each mapping."""
    figures = b"".join(struct.pack("<QQQ", start, end, offset // page) for start, end, offset, _ in files)
    return note(b"CORE", 0x46494C45, struct.pack("<QQ", len(files), page) + figures + b"".join(path.encode() + b"\0" for *_, path in files))


def nt_prstatus(lwp: int, registers: Sequence[int]) -> bytes:
    """x86-64's ``struct elf_prstatus``."""
    return note(b"CORE", 1, bytes(32) + struct.pack("<i", lwp) + bytes(112 - 36) + struct.pack("<27Q", *registers) + bytes(8))


def elf(pieces: Sequence[Piece], kind: int = 4, machine: int = 62, sections: bytes = b"", section_count: int = 0) -> bytes:
    """A 64-bit little-endian ELF file of some segments, its section headers (if any) at the end."""
    count = len(pieces)
    at = 64 + 56 * count
    headers, bodies = b"", b""
    for piece in pieces:
        offset = piece.offset if piece.offset is not None else at + len(bodies)
        if piece.offset is None:
            bodies += piece.data
        headers += struct.pack("<IIQQQQQQ", piece.kind, piece.flags, offset, piece.vaddr, 0, len(piece.data), piece.memsz, 1)
    shoff = at + len(bodies) if sections else 0
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, shoff, 0, 64, 56, count, 64, section_count, section_count - 1 if sections else 0)
    return head + headers + bodies + sections


def core(pieces: Sequence[Piece], notes: bytes = b"") -> bytes:
    return elf([Piece(0, notes, 0, kind=PT_NOTE), *pieces])


def with_symbols(symbols: List[Tuple[str, int, int, int]]) -> bytes:
    """A shared object of nothing but a symbol table: (name, value, section index, type) of each."""
    names = b"\0"
    table = bytes(24)
    for name, value, index, kind in symbols:
        table += struct.pack("<IBBHQQ", len(names), 0x10 | kind, 0, index, value, 8)
        names += name.encode() + b"\0"
    shstrtab = b"\0.symtab\0.strtab\0.shstrtab\0"
    body = table + names + shstrtab

    def header(name: int, kind: int, offset: int, size: int, link: int, entsize: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, offset, size, link, 0, 1, entsize)

    sections = header(0, 0, 0, 0, 0, 0) + header(1, 2, 64, len(table), 2, 24) + header(9, 3, 64 + len(table), len(names), 0, 0)
    sections += header(17, 3, 64 + len(table) + len(names), len(shstrtab), 0, 0)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, 4, 3) + body + sections
