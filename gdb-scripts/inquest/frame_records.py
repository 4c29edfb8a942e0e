"""The callers that aarch64's frame records tell, where no file of the module says how its frames are unwound.

AAPCS64 has ``x29`` point to a record of two words, the caller's ``x29`` and the return address; the outermost record is zero. GCC and clang keep it
in every function that calls another, unless told otherwise. GCC puts it at the low end of the frame: so a caller's ``x29`` is its
stack pointer too. The kernel puts one behind the frame of a signal handler, whose return address leads to the trampoline.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

from .diagnose.signal_frame import arm_signal_frame
from .memory import MemoryFault, Reader

# Where pointers are signed (pac-ret), the bits above the address hold the signature.
_ADDRESS = (1 << 48) - 1
# As far up as a caller's record may be: a frame of the interpreter's takes some hundred bytes, one of C seldom more than a megabyte.
_FAR = 1 << 24
_END = (0, 0)


class Registers(NamedTuple):
    """Of one frame. ``lr`` is ``x30``: only the innermost frame and one that a signal interrupted have it alive."""

    pc: int
    sp: int
    fp: int
    lr: int


def caller(reader: Reader, module_of: Callable[[int], Optional[str]], frame: Registers) -> Optional[Registers]:
    """The caller's registers; None at the end of the chain and where it does not hold together. ``module_of``: the path of what is mapped at an address."""
    link = frame.lr & _ADDRESS
    try:
        older, back = reader.pointers(frame.fp, 2) if frame.fp % 8 == 0 and frame.fp >= frame.sp else _END
    except MemoryFault:
        return None
    back &= _ADDRESS
    # A function that calls nothing may have no record: then x30 leads into another module than its own. It is dead once it was called from.
    if link not in (back, frame.pc) and module_of(link) not in (None, module_of(frame.pc)):
        return Registers(link, frame.sp, frame.fp, link)
    if older and not frame.fp < older < frame.fp + _FAR:
        return None
    if module_of(back) is not None:
        return Registers(back, older or frame.fp + 16, older, back)
    handler = arm_signal_frame(reader, frame.fp + 16, older) if older else None
    return Registers(back, handler, older, back) if handler is not None else None


def outermost(reader: Reader, frame: Registers) -> bool:
    """Whether the chain ends here as it should."""
    try:
        return frame.fp == 0 or tuple(reader.pointers(frame.fp, 2)) == _END
    except MemoryFault:
        return False
