"""A bounded reader of ELF files and cores over a read-only map of the file (``<elf.h>``).

Everything in the file may be hostile: every count is bounded by the size of the file, and a malformed part raises
``ElfError`` or is left out. Nothing is followed outside the file.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

MACHINES = {3: "i386", 20: "powerpc", 21: "powerpc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 258: "loongarch64"}
"""``e_machine`` to the manifest's names."""

PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
PF_X, PF_W = 1, 2
SHT_NOBITS, SHT_SYMTAB, SHT_DYNSYM = 8, 2, 11
NT_GNU_BUILD_ID = 3
ET_EXEC, ET_DYN, ET_CORE = 2, 3, 4

_MOST_SECTIONS = 1 << 16
_MOST_SEGMENTS = 1 << 20
_MOST_NOTES = 1 << 20
_MOST_MATCHES = 64

Bytes = Union[bytes, mmap.mmap]


class ElfError(Exception):
    """Not an ELF file, or one whose headers cannot be followed."""


class Segment(NamedTuple):
    """``Elf64_Phdr``: sizes and offsets in bytes."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


class Section(NamedTuple):
    """``Elf64_Shdr``, its name resolved."""

    name: str
    type: int
    address: int
    offset: int
    size: int
    link: int
    entsize: int


class Symbol(NamedTuple):
    """``Elf64_Sym``: ``value`` is an address before the load bias is added."""

    name: str
    value: int
    size: int


class Note(NamedTuple):
    """``Elf64_Nhdr`` with where its descriptor lies in the file."""

    name: bytes
    type: int
    offset: int
    size: int


@dataclass(frozen=True)
class _Shape:
    """The parts of the file format that differ between 32 and 64 bits."""

    header: str
    segment: str
    section: str
    symbol: str


_SHAPES = {
    4: _Shape("HHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "IIIBBH"),
    8: _Shape("HHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "IBBHQQ"),
}


class ElfFile:
    """One ELF file. ``pointer_size`` is 4 or 8, ``byte_order`` ``little`` or ``big``. Raises ``ElfError`` when it is none."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        self.length = len(data)
        ident = data[:16]
        if len(ident) < 16 or ident[:4] != b"\x7fELF" or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise ElfError("no ELF header")
        self.pointer_size = 8 if ident[4] == 2 else 4
        self.byte_order = "little" if ident[5] == 1 else "big"
        self.prefix = "<" if ident[5] == 1 else ">"
        self._shape = _SHAPES[self.pointer_size]
        header = self._unpack(self._shape.header, 16)
        self.type, machine, _, self.entry, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, shstrndx = header
        self.machine = MACHINES.get(machine) or "machine-%d" % machine
        self._shoff, self._shentsize, self._shnum, self._shstrndx = shoff, shentsize, shnum, shstrndx
        if phnum == 0xFFFF and shoff and shentsize >= struct.calcsize(self.prefix + self._shape.section):
            phnum = self._unpack(self._shape.section, shoff)[7]  # PN_XNUM: the count is sh_info of section 0
        self.segments: List[Segment] = self._read_segments(phoff, phentsize, min(phnum, _MOST_SEGMENTS))
        self._sections: Optional[Dict[str, Section]] = None
        self._by_index: List[Section] = []

    def _unpack(self, fields: str, offset: int) -> Tuple:
        try:
            return struct.unpack_from(self.prefix + fields, self.data, offset)
        except (struct.error, OverflowError, ValueError):
            raise ElfError("truncated at 0x%x" % offset) from None

    def _read_segments(self, offset: int, entsize: int, count: int) -> List[Segment]:
        shape = struct.Struct(self.prefix + self._shape.segment)
        if count == 0:
            return []
        if entsize < shape.size:
            raise ElfError("program headers of %d bytes" % entsize)
        found = []
        for index in range(count):
            at = offset + index * entsize
            if at + shape.size > self.length:
                break  # a truncated file keeps the headers it has
            figures = shape.unpack_from(self.data, at)
            if self.pointer_size == 8:
                kind, flags, where, vaddr, _, filesz, memsz, align = figures
            else:
                kind, where, vaddr, _, filesz, memsz, flags, align = figures
            found.append(Segment(kind, flags, where, vaddr, filesz, memsz, align))
        return found

    @property
    def sections(self) -> Dict[str, Section]:
        """Sections by name (the first of each); empty where the table is missing or malformed."""
        if self._sections is None:
            self._sections = {}
            try:
                self._by_index = self._read_sections()
            except ElfError:
                self._by_index = []
            for section in self._by_index:
                self._sections.setdefault(section.name, section)
        return self._sections

    def _read_sections(self) -> List[Section]:
        if not self._shoff or self._shentsize < struct.calcsize(self.prefix + self._shape.section):
            return []
        first = self._unpack(self._shape.section, self._shoff)
        count = min(self._shnum or first[5], _MOST_SECTIONS)
        names_index = self._shstrndx if self._shstrndx != 0xFFFF else first[6]
        raw = []
        for index in range(count):
            at = self._shoff + index * self._shentsize
            if at + self._shentsize > self.length:
                break
            raw.append(self._unpack(self._shape.section, at))
        names = raw[names_index] if names_index < len(raw) else None
        found = []
        for figures in raw:
            name = b""
            if names is not None and figures[0] < names[5]:
                start = names[4] + figures[0]
                name = bytes(self.data[start : min(start + 64, self.length)]).split(b"\0")[0]
            kind, address, offset, size, link, entsize = figures[1], figures[3], figures[4], figures[5], figures[6], figures[9]
            found.append(Section(name.decode("latin-1"), kind, address, offset, size, link, entsize))
        return found

    def notes(self, segment: Segment) -> Iterator[Note]:
        """The notes of a ``PT_NOTE`` segment, as far as the file holds them."""
        at = segment.offset
        end = min(segment.offset + segment.filesz, self.length)
        align = 8 if segment.align == 8 and self.type != ET_CORE else 4
        for _ in range(_MOST_NOTES):
            if at + 12 > end:
                return
            name_size, size, kind = self._unpack("III", at)
            name_at = at + 12
            desc_at = name_at + (name_size + align - 1) // align * align
            if name_size > 256 or desc_at + size > end:
                return
            yield Note(bytes(self.data[name_at : name_at + name_size]).rstrip(b"\0"), kind, desc_at, size)
            at = desc_at + (size + align - 1) // align * align

    @property
    def build_id(self) -> Optional[str]:
        """The GNU build-id in lower-case hex."""
        for segment in self.segments:
            if segment.type == PT_NOTE:
                for note in self.notes(segment):
                    if note.name == b"GNU" and note.type == NT_GNU_BUILD_ID and 0 < note.size <= 64:
                        return bytes(self.data[note.offset : note.offset + note.size]).hex()
        return None

    def symbols(self, names: Iterable[str]) -> Dict[str, Symbol]:
        """The defined symbols among ``names``, from ``.symtab`` and ``.dynsym``.

        The string table is searched for the bytes of each name, then the symbol table for an entry that points there, so
        that a table of a million symbols takes milliseconds.
        """
        _ = self.sections
        wanted = list(names)
        found: Dict[str, Symbol] = {}
        for section in self._by_index:
            if section.type in (SHT_SYMTAB, SHT_DYNSYM) and section.link < len(self._by_index):
                for name in wanted:
                    if name not in found:
                        symbol = self._symbol(name, section, self._by_index[section.link])
                        if symbol is not None:
                            found[name] = symbol
        return found

    def _symbol(self, name: str, table: Section, strings: Section) -> Optional[Symbol]:
        shape = struct.Struct(self.prefix + self._shape.symbol)
        if strings.type == SHT_NOBITS or table.type == SHT_NOBITS or table.entsize != shape.size:
            return None
        needle = name.encode() + b"\0"
        strings_end = min(strings.offset + strings.size, self.length)
        table_end = min(table.offset + table.size, self.length)
        at = strings.offset - 1
        for _ in range(_MOST_MATCHES):
            at = self.find(needle, at + 1, strings_end)
            if at < 0:
                return None
            pattern = struct.pack(self.prefix + "I", (at - strings.offset) & 0xFFFFFFFF)
            entry = table.offset - 1
            for _ in range(1024):
                entry = self.find(pattern, entry + 1, table_end)
                if entry < 0:
                    break
                if (entry - table.offset) % shape.size == 0 and entry + shape.size <= table_end:
                    figures = shape.unpack_from(self.data, entry)
                    if self.pointer_size == 8:
                        _, info, _, index, value, size = figures
                    else:
                        _, value, size, info, _, index = figures
                    if index != 0 and info & 15 != 6:  # defined here, and not thread-local (STT_TLS)
                        return Symbol(name, value, size)
        return None

    def find(self, needle: bytes, start: int, end: int) -> int:
        """Where ``needle`` lies first in ``[start, end)`` of the file, -1 where it does not.

        CPython before 3.11.5 reads the byte behind what ``mmap.find`` searches (gh-105235), and behind a file of whole pages there is none.
        """
        if end < self.length:
            return self.data.find(needle, start, end)
        found = self.data.find(needle, start, self.length - 1)
        if found >= 0:
            return found
        tail = max(start, self.length - len(needle))
        at = bytes(self.data[tail : self.length]).find(needle)
        return tail + at if at >= 0 else -1

    def read_address(self, address: int, size: int) -> Optional[bytes]:
        """Bytes of the file at a link-time address; ``None`` where no segment's file part holds all of them."""
        for segment in self.segments:
            inside = address - segment.vaddr
            if segment.type == PT_LOAD and 0 <= inside and inside + size <= segment.filesz:
                start = segment.offset + inside
                found = bytes(self.data[start : start + size])
                return found if len(found) == size else None
        return None

    def close(self) -> None:
        if isinstance(self.data, mmap.mmap):
            self.data.close()


def map_file(path: str) -> mmap.mmap:
    """A read-only map of a file; raises ``OSError``, or ``ElfError`` for an empty file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_size == 0:
            raise ElfError("empty file")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise ElfError("not a regular file") from None
    finally:
        os.close(descriptor)


def open_elf(path: str) -> ElfFile:
    """An ELF file by path; raises ``ElfError`` or ``OSError``."""
    data = map_file(path)
    try:
        return ElfFile(data)
    except ElfError:
        data.close()
        raise
