"""Where code can be, by the program headers of the core (elf(5), ``PF_X``)."""

from __future__ import annotations

import bisect
from typing import List, Mapping, Optional, Tuple

from inquest.elf import PF_X, PT_LOAD, ElfError, open_elf


class ExecutableMemory:
    """The mappings of the dead process, read when they are first asked for."""

    def __init__(self, manifest: Mapping) -> None:
        self._core: str = manifest["core"]
        self._ranges: Optional[List[Tuple[int, int, bool]]] = None

    def at(self, address: int) -> Optional[bool]:
        """Whether the mapping there may be executed; None when the core knows of none there."""
        if self._ranges is None:
            self._ranges = _ranges(self._core)
        index = bisect.bisect_right(self._ranges, (address, 1 << 65, True)) - 1
        if index < 0 or address >= self._ranges[index][1]:
            return None
        return self._ranges[index][2]


def _ranges(core: str) -> List[Tuple[int, int, bool]]:
    try:
        elf = open_elf(core)
    except (OSError, ElfError):
        return []
    try:
        return sorted((each.vaddr, each.vaddr + each.memsz, bool(each.flags & PF_X)) for each in elf.segments if each.type == PT_LOAD)
    finally:
        elf.close()
