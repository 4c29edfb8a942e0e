"""The modules of the crashed process: what was mapped where, and the matching file where there is one."""

from __future__ import annotations

import mmap
from typing import Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .elf import PF_W, PT_LOAD, ElfError, ElfFile, map_file


class Image(NamedTuple):
    """One loading of a module: ``bias`` is what is added to a link-time address, ``[start, end)`` its file mappings' extent."""

    bias: int
    start: int
    end: int


class Module:
    """A mapped file. ``mappings`` are (start, end, file offset), sorted. Files are opened on first use, and only those of the manifest."""

    def __init__(self, path: str, file: Optional[str], debug_file: Optional[str], mappings: List[Tuple[int, int, int]], build_id: Optional[str]) -> None:
        self.path = path
        self.file = file
        self.debug_file = debug_file
        self.mappings = sorted(mappings)
        self.build_id = build_id
        self._opened = False
        self._data: Optional[mmap.mmap] = None
        self._elf: Optional[ElfFile] = None
        self._debug: Optional[ElfFile] = None
        self._debug_opened = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def data(self) -> Optional[mmap.mmap]:
        """The matching file's bytes; ``None`` when it is missing."""
        if not self._opened:
            self._opened = True
            self._data = _map(self.file)
            self._elf = _elf(self._data)
        return self._data

    @property
    def elf(self) -> Optional[ElfFile]:
        """The matching file as ELF; ``None`` when it is missing or none."""
        return self._elf if self.data is not None else None

    @property
    def debug_elf(self) -> Optional[ElfFile]:
        """The separate debug file as ELF."""
        if not self._debug_opened:
            self._debug_opened = True
            self._debug = _elf(_map(self.debug_file))
        return self._debug

    def images(self) -> Iterator[Image]:
        """The loadings of this module, whole ones first. A file mapped twice gives two: each begins where a mapping's offset does not rise."""
        elf = self.elf or self.debug_elf
        groups: List[List[Tuple[int, int, int]]] = []
        for mapping in self.mappings:
            if groups and mapping[2] > groups[-1][0][2] and mapping[2] >= groups[-1][-1][2]:
                groups[-1].append(mapping)
            else:
                groups.append([mapping])
        for group in sorted(groups, key=lambda group: group[0][2] != 0):
            first = next((s for s in elf.segments if s.type == PT_LOAD), None) if elf is not None else None
            bias = group[0][0] - group[0][2] - ((first.vaddr - first.offset) if first is not None else 0)
            yield Image(bias, group[0][0], group[-1][1])

    def constant_range(self, address: int, start: int, end: int) -> Tuple[int, int]:
        """The part of ``[start, end)`` round ``address`` that the file holds unchanged: what no writable segment covers."""
        elf = self.elf
        if elf is None:
            return start, end
        for image in self.images():
            if image.start <= address < image.end:
                low, high = start, end
                for segment in elf.segments:
                    if segment.type == PT_LOAD and segment.flags & PF_W:
                        from_ = (image.bias + segment.vaddr) & ~0xFFF
                        to = (image.bias + segment.vaddr + segment.memsz + 0xFFF) & ~0xFFF
                        if from_ <= address < to:
                            return address, address
                        if to <= address:
                            low = max(low, to)
                        elif from_ > address:
                            high = min(high, from_)
                return low, high
        return start, end

    def close(self) -> None:
        for opened in (self._elf, self._debug):
            if opened is not None:
                opened.close()


def _map(path: Optional[str]) -> Optional[mmap.mmap]:
    try:
        return map_file(path) if path else None
    except (OSError, ElfError):
        return None


def _elf(data: Optional[mmap.mmap]) -> Optional[ElfFile]:
    try:
        return ElfFile(data) if data is not None else None
    except ElfError:
        return None


def read_modules(manifest: Mapping) -> List[Module]:
    """The modules of a manifest (``workers/pipeline/helper-answer.ts``, ``Manifest``)."""
    found = []
    for entry in manifest.get("modules", ()):
        mappings = [(int(m["start"], 16), int(m["end"], 16), m["offset"]) for m in entry["mappings"]]
        mappings = [mapping for mapping in mappings if mapping[0] < mapping[1]]
        found.append(Module(entry["path"], entry.get("file"), entry.get("debug_file"), mappings, entry.get("build_id")))
    return found
