"""Which module holds an address, and where in it, for the native frames.

``offset`` of a native frame is the pc minus the module's load bias, so it equals the address that ``objdump`` and ``addr2line``
know. Without the file (whose program headers tell the link-time addresses) the start of the module stands in for its bias, which
is exact for everything but ``ET_EXEC`` executables.
"""

from __future__ import annotations

import bisect
from typing import List, Mapping, NamedTuple, Optional, Tuple

from inquest.elf import ElfError, ElfFile
from inquest.executable_memory import ExecutableMemory
from inquest.modules import Module, read_modules


class Place(NamedTuple):
    """An address in terms of its module. ``bias`` is what was added to its link-time addresses."""

    module: Module
    bias: int


class ModuleMap:
    """All modules of a manifest, searchable by address."""

    def __init__(self, manifest: Mapping) -> None:
        self.all: List[Module] = read_modules(manifest)
        ranges: List[Tuple[int, int, int, Place]] = []
        for module in self.all:
            images = list(module.images())
            for start, end, _ in module.mappings:
                bias = next((image.bias for image in images if image.start <= start < image.end), start)
                ranges.append((start, end, len(ranges), Place(module, bias)))
        ranges.sort(key=lambda each: each[:3])
        self._ranges = ranges
        self._starts = [each[0] for each in ranges]
        self._memory = ExecutableMemory(manifest)

    def at(self, address: int) -> Optional[Place]:
        """The module whose file is mapped at ``address``."""
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._ranges[index][1]:
            return None
        return self._ranges[index][3]

    def may_be_code(self, address: int) -> bool:
        """Whether ``address`` lies in memory that may be executed, or in a module of which the core does not tell that."""
        executable = self._memory.at(address)
        return self.at(address) is not None if executable is None else executable

    def told(self) -> List[dict]:
        """``path``, ``symbols`` and ``debug_info`` of each module, its separate debug file included."""
        return [_told(module) for module in self.all]


def _told(module: Module) -> dict:
    names = _sections(module.elf) | _sections(module.debug_elf)
    return {
        "path": module.path,
        "symbols": bool(names & {".symtab", ".gnu_debugdata"}),
        "debug_info": bool(names & {".debug_info", ".zdebug_info"}),
    }


def _sections(elf: Optional[ElfFile]) -> set:
    try:
        return set(elf.sections) if elf is not None else set()
    except ElfError:
        return set()
