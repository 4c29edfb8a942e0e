"""How much of a value is read and printed, and how a value that cannot be read is shown.

A hole is ``<unreadable 0xADDRESS: why>``; memory that an allocator's debug hooks have marked as free is
``<freed memory 0xADDRESS>``, an object whose reference count no live one has ``<freed memory 0xADDRESS, was TYPE>``; what a limit cut off is ``…`` (never ``...``, which is CPython's mark of a cycle).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..memory import Budget, BudgetExceeded, MemoryFault


@dataclass(frozen=True)
class ReprLimits:
    """``depth`` of nesting, ``items`` of one container, ``string`` characters or bytes of one string, ``length`` in
    characters of the whole text (closing brackets may exceed it), ``int_bits`` of an int that is still printed in
    decimal, and the ``reads`` and ``bytes`` of memory that one value may cost."""

    depth: int = 5
    items: int = 40
    string: int = 200
    length: int = 1000
    int_bits: int = 8192
    reads: int = 20_000
    bytes: int = 2 << 20


class Repr(NamedTuple):
    """``type`` is ``module.QualifiedName`` (bare for builtins); ``truncated`` tells whether a limit cut the text."""

    type: str
    text: str
    truncated: bool


class Damaged(MemoryFault):
    """Readable memory whose contents cannot be the object that it should be."""

    def __init__(self, address: int, why: str) -> None:
        super().__init__(address, 0, why)


class Freed(Damaged):
    """An object whose type pointer is a fill pattern of CPython's debug allocators."""

    def __init__(self, address: int) -> None:
        super().__init__(address, "freed memory")


class AllowanceSpent(Exception):
    """One value has cost as many reads as its limits allow. Never leaves this package."""


class Allowance(Budget):
    """The report's budget, and inside it the smaller one of the value that is being printed."""

    def __init__(self, report: Budget) -> None:
        super().__init__(0, 0)
        self.report = report
        self.limited = False

    def grant(self, reads: int, size: int) -> None:
        """From here to ``release`` no more than ``reads`` reads and ``size`` bytes may be spent."""
        self.reads, self.bytes, self.limited = reads, size, True

    def release(self) -> None:
        self.limited = False

    def spend(self, size: int) -> None:
        # Budget.spend, for nearly every read of a report comes through here.
        report = self.report
        report.reads -= 1
        report.bytes -= size
        if report.reads < 0 or report.bytes < 0:
            raise BudgetExceeded("the budget of memory reads is spent")
        if self.limited:
            self.reads -= 1
            self.bytes -= size
            if self.reads < 0 or self.bytes < 0:
                raise AllowanceSpent()


# Objects/obmalloc.c: CLEANBYTE, DEADBYTE and FORBIDDENBYTE up to 3.7 (CB DB FB), and from 3.8 on (CD DD FD).
_FILL_BYTES = frozenset((0xCB, 0xDB, 0xFB, 0xCD, 0xDD, 0xFD))


def is_fill_pattern(pointer: int, pointer_size: int) -> bool:
    """Whether every byte of the pointer is the same fill byte of CPython's debug allocators."""
    low = pointer & 0xFF
    return low in _FILL_BYTES and pointer == int.from_bytes(bytes([low]) * pointer_size, "little")


def hole(fault: MemoryFault, address: int) -> str:
    """The text that stands where the object at ``address`` could not be read."""
    if isinstance(fault, Freed):
        return "<freed memory 0x%x>" % address
    if fault.address == address:
        return "<unreadable 0x%x: %s>" % (address, fault.why)
    return "<unreadable 0x%x: %s at 0x%x>" % (address, fault.why, fault.address)
