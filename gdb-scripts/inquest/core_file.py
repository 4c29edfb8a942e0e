"""A core file mapped into our own address space, as a ``Memory``.

What the core dumped is taken from the core. What it left out is read from the matching file in the sysroot where that is
certain to be the same: an address that a file mapping covers and that was neither writable in the process nor in a writable
(or relocated read-only) segment of the file. Everything else that is absent stays absent: ``p_filesz < p_memsz`` is a hole, never zeros.
"""

from __future__ import annotations

import bisect
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .core_notes import PROGRAM_COUNTER, STACK_POINTER, CoreNotes, MappedFile, read_notes
from .data_extents import Extent, data_extents
from .elf import ET_CORE, PF_W, PT_LOAD, Bytes, ElfError, ElfFile, open_elf
from .memory import MemoryFault
from .modules import Module, read_modules

_MOST_PAGES_KNOWN = 1 << 16


class Segment(NamedTuple):
    """One ``PT_LOAD``: ``[start, end)`` in the process, of which ``[start, start + dumped)`` is in the file at ``offset``."""

    start: int
    end: int
    offset: int
    dumped: int
    writable: bool


class CoreMemory:
    """A core and its modules' files. ``read`` raises ``MemoryFault`` only; ``lwps[0]`` is the thread that crashed."""

    def __init__(self, elf: ElfFile, modules: List[Module], extents: Optional[List[Extent]] = None) -> None:
        self.elf = elf
        self.machine = elf.machine
        self.pointer_size = elf.pointer_size
        self.byte_order = elf.byte_order
        self.notes: CoreNotes = read_notes(elf)
        self.lwps = self.notes.lwps
        self.modules = modules
        self.mappings: List[MappedFile] = self.notes.files or _of_modules(modules)
        self.segments = _segments(elf)
        self.truncated = any(s.type == PT_LOAD and s.offset + s.filesz > elf.length for s in elf.segments)
        self._starts = [segment.start for segment in self.segments]
        self._extents = extents if extents is not None else [(0, elf.length)]
        self._files = sorted(
            ((start, end, offset, module) for module in modules for start, end, offset in module.mappings), key=lambda entry: entry[0]
        )
        self._file_starts = [entry[0] for entry in self._files]
        # The range last read: [low, high) of the process is _data from _delta + address on.
        self._low = self._high = self._delta = 0
        self._data: Bytes = elf.data
        self._pages: Dict[int, Tuple[int, int, int, Bytes]] = {}

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at ``address``; raises ``MemoryFault`` unless all of them are there."""
        if self._low <= address and address + size <= self._high:
            start = address + self._delta
            return self._data[start : start + size]
        return self._read_slowly(address, size)

    def _read_slowly(self, address: int, size: int) -> bytes:
        if size < 0 or address < 0:
            raise MemoryFault(address, size, "implausible range")
        pieces = []
        at, end = address, address + size
        while at < end:
            why = self._find(at)
            if why is not None:
                raise MemoryFault(at, end - at, why)
            stop = min(end, self._high)
            pieces.append(self._data[at + self._delta : stop + self._delta])
            at = stop
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _find(self, address: int) -> Optional[str]:
        """Makes the range that holds ``address`` the last one; says why when there is none."""
        known = self._pages.get(address >> 12)
        if known is not None and known[0] <= address < known[1]:
            self._low, self._high, self._delta, self._data = known
            return None
        why = self._search(address)
        if why is None:
            if len(self._pages) > _MOST_PAGES_KNOWN:
                self._pages.clear()
            self._pages[address >> 12] = (self._low, self._high, self._delta, self._data)
        return why

    def _search(self, address: int) -> Optional[str]:
        index = bisect.bisect_right(self._starts, address) - 1
        segment = self.segments[index] if index >= 0 else None
        inside = segment is not None and address < segment.end
        if segment is not None and inside and address < segment.start + segment.dumped:
            self._low, self._high = segment.start, segment.start + segment.dumped
            self._delta = segment.offset - segment.start
            self._data = self.elf.data
            return None
        if segment is not None and inside and segment.writable:
            return "writable memory that the core left out"
        limit = segment.end if segment is not None and inside else (self._starts[index + 1] if index + 1 < len(self._starts) else None)
        return self._find_in_file(address, limit, inside)

    def _find_in_file(self, address: int, limit: Optional[int], mapped: bool) -> Optional[str]:
        index = bisect.bisect_right(self._file_starts, address) - 1
        if index < 0 or address >= self._files[index][1]:
            return "left out of the core" if mapped else "unmapped"
        start, end, offset, module = self._files[index]
        data = module.data
        if data is None:
            return "in %s, which is missing" % module.path
        low, high = module.constant_range(address, start, end)
        high = min(high, start + len(data) - offset, end, limit if limit is not None else end)
        if not low <= address < high:
            return "writable memory of %s that the core left out" % module.path
        self._low, self._high, self._delta, self._data = address, high, offset - start, data
        return None

    def segment_at(self, address: int) -> Optional[Segment]:
        """The ``PT_LOAD`` that covers an address."""
        index = bisect.bisect_right(self._starts, address) - 1
        return self.segments[index] if index >= 0 and address < self.segments[index].end else None

    def data_of(self, segment: Segment) -> Iterator[Extent]:
        """The parts of a segment, as ``[start, end)`` in the file, that are no holes of it: all else is zero."""
        low, high = segment.offset, segment.offset + segment.dumped
        for start, end in self._extents[max(bisect.bisect_right(self._extents, (low, high)) - 1, 0) :]:
            if start >= high:
                return
            if end > low:
                yield max(start, low), min(end, high)

    def registers(self, lwp: int) -> Dict[str, int]:
        """General registers by gdb's names, ``fs_base`` and ``gs_base`` on x86-64 among them; empty for an unknown LWP."""
        return self.notes.registers.get(lwp, {})

    def thread_pointer(self, lwp: int) -> Optional[int]:
        """The TLS register. On x86-64 with glibc or musl it equals ``pthread_self()``; on aarch64 and arm it lies a constant behind."""
        return self.notes.thread_pointers.get(lwp)

    def pc(self, lwp: int) -> Optional[int]:
        return self.registers(lwp).get(PROGRAM_COUNTER.get(self.machine, "pc"))

    def sp(self, lwp: int) -> Optional[int]:
        return self.registers(lwp).get(STACK_POINTER.get(self.machine, "sp"))

    def close(self) -> None:
        self.elf.close()
        for module in self.modules:
            module.close()

    def __enter__(self) -> CoreMemory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _of_modules(modules: List[Module]) -> List[MappedFile]:
    return sorted(MappedFile(start, end, offset, module.path) for module in modules for start, end, offset in module.mappings)


def _segments(elf: ElfFile) -> List[Segment]:
    """The ``PT_LOAD`` segments in order of address, clipped so that none overlaps the next, ``dumped`` bounded by the file's end."""
    found: List[Segment] = []
    for raw in sorted((s for s in elf.segments if s.type == PT_LOAD and s.memsz > 0), key=lambda s: s.vaddr):
        dumped = max(0, min(raw.filesz, raw.memsz, elf.length - raw.offset))
        if found and found[-1].end > raw.vaddr:
            last = found.pop()
            end = raw.vaddr
            if end > last.start:
                found.append(last._replace(end=end, dumped=min(last.dumped, end - last.start)))
        found.append(Segment(raw.vaddr, raw.vaddr + raw.memsz, raw.offset, dumped, bool(raw.flags & PF_W)))
    return found


def open_core(manifest: Mapping) -> CoreMemory:
    """The core of a manifest with the files of its modules; raises ``ElfError`` or ``OSError`` when there is no readable core."""
    elf = open_elf(manifest["core"])
    if elf.type != ET_CORE:
        elf.close()
        raise ElfError("not a core file")
    return CoreMemory(elf, read_modules(manifest), data_extents(manifest["core"]))

