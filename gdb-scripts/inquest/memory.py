"""The memory of the inferior, behind one small protocol.

Every reader of this package takes a ``Memory`` and never asks where the bytes come from: a core file mapped by
``core_file``, gdb's inferior, or a dict of pages in a test. Everything in it may be damaged or hostile, so each
read is bounded, counted against a budget, and fails in one way only: ``MemoryFault``.
"""

from __future__ import annotations

import struct
from typing import Dict, List, Optional, Protocol, Tuple


class MemoryFault(Exception):
    """An address range that cannot be read: not mapped, or mapped but absent from the core and its files."""

    def __init__(self, address: int, size: int, why: str = "unmapped") -> None:
        super().__init__("0x%x+%d: %s" % (address, size, why))
        self.address = address
        self.size = size
        self.why = why


class BudgetExceeded(Exception):
    """The report's budget of reads, bytes or time is spent. Caught once per section, never per object."""


class Memory(Protocol):
    """Raw bytes by address. ``pointer_size`` is 4 or 8 bytes, ``byte_order`` ``little`` or ``big``."""

    pointer_size: int
    byte_order: str

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at ``address``; raises ``MemoryFault`` unless all of them are there."""
        ...


class Budget:
    """How much one report may read. ``reads`` and ``bytes`` are counted down; tests enforce them by counting."""

    def __init__(self, reads: int = 20_000_000, bytes: int = 4 << 30) -> None:
        self.reads = reads
        self.bytes = bytes

    def spend(self, size: int) -> None:
        self.reads -= 1
        self.bytes -= size
        if self.reads < 0 or self.bytes < 0:
            raise BudgetExceeded("the budget of memory reads is spent")


_MAX_READ = 64 << 20


class Reader:
    """Typed reads over a ``Memory``: integers of C types, pointers, C strings. Raises ``MemoryFault`` only."""

    def __init__(self, memory: Memory, budget: Optional[Budget] = None) -> None:
        self.memory = memory
        self.budget = budget if budget is not None else Budget()
        # What tens of thousands of reads would look up.
        self._read, self._spend = memory.read, self.budget.spend
        self.pointer_size = memory.pointer_size
        self.byte_order = memory.byte_order
        prefix = "<" if memory.byte_order == "little" else ">"
        self._pointer = struct.Struct(prefix + ("Q" if memory.pointer_size == 8 else "I"))
        self._formats: Dict[Tuple[int, bool], struct.Struct] = {
            (size, signed): struct.Struct(prefix + (code if signed else code.upper()))
            for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
            for signed in (False, True)
        }
        self._double = struct.Struct(prefix + "d")
        self.address_mask = (1 << (8 * memory.pointer_size)) - 1

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes, at most 64 MiB."""
        if 0 <= size <= _MAX_READ and 0 <= address <= self.address_mask:
            self._spend(size)
            return self._read(address, size)
        raise MemoryFault(address, size, "implausible range")

    def readable(self, address: int) -> bool:
        """Whether the byte at ``address`` is there."""
        try:
            self.read(address, 1)
            return True
        except MemoryFault:
            return False

    def uint(self, address: int, size: int) -> int:
        """An unsigned integer of 1, 2, 4 or 8 bytes."""
        return self._formats[size, False].unpack(self.read(address, size))[0]

    def sint(self, address: int, size: int) -> int:
        """A signed integer of 1, 2, 4 or 8 bytes."""
        return self._formats[size, True].unpack(self.read(address, size))[0]

    def pointer(self, address: int) -> int:
        """A ``void *``."""
        return self._pointer.unpack(self.read(address, self.pointer_size))[0]

    def pointers(self, address: int, count: int) -> List[int]:
        """``count`` consecutive ``void *``."""
        raw = self.read(address, count * self.pointer_size)
        return [value for (value,) in self._pointer.iter_unpack(raw)]

    def ssize(self, address: int) -> int:
        """A ``Py_ssize_t``."""
        return self.sint(address, self.pointer_size)

    def double(self, address: int) -> float:
        """A C ``double``."""
        return self._double.unpack(self.read(address, 8))[0]

    def cstring(self, address: int, limit: int = 4096) -> bytes:
        """Bytes up to a NUL or ``limit``, without the NUL. Reads no further than the string's own pages."""
        out = b""
        while len(out) < limit:
            step = min(64 - (address + len(out)) % 64, limit - len(out))
            chunk = self.read(address + len(out), step)
            end = chunk.find(b"\0")
            if end >= 0:
                return out + chunk[:end]
            out += chunk
        return out
