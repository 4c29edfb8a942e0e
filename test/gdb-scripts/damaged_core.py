"""A core whose memory is changed, hidden and counted as a test wishes; the file stays as it is."""

from __future__ import annotations

from typing import Any, Dict, Optional, Set

from inquest.memory import MemoryFault

_PAGE = 4096


class DamagedCore:
    """Stands for an open core: what it does not change is the core's own."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._words: Dict[int, bytes] = {}
        self._hidden: Set[int] = set()
        self.reads = 0
        self.bytes = 0
        self.seen: Optional[Set[int]] = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def write(self, address: int, value: int) -> None:
        """Makes the aligned 8-byte word at ``address`` read as ``value``."""
        assert address % 8 == 0
        self._words[address] = (value & (1 << 64) - 1).to_bytes(8, "little")

    def hide(self, page: int) -> None:
        """Makes a page (its address over 4096) unreadable."""
        self._hidden.add(page)

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        self.bytes += size
        if self._hidden and any(page in self._hidden for page in range(address // _PAGE, (address + max(size, 1) - 1) // _PAGE + 1)):
            raise MemoryFault(address, size, "hidden")
        data = self._core.read(address, size)
        if self.seen is not None and size <= 1 << 16:
            self.seen.update(range(address & ~7, address + size, 8))
        if not self._words or size > 1 << 16:
            return data
        changed = bytearray(data)
        for word in range(address & ~7, address + size, 8):
            for index, byte in enumerate(self._words.get(word, b"")):
                if 0 <= word + index - address < size:
                    changed[word + index - address] = byte
        return bytes(changed)
