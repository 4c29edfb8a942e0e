"""The frames that the kernel pushes on i386: ``struct sigframe_ia32``, and ``struct rt_sigframe_ia32`` for handlers with ``SA_SIGINFO``.

Layouts: ``arch/x86/include/asm/sigframe.h`` and ``arch/x86/include/uapi/asm/sigcontext.h`` (``struct sigcontext_32``) of the kernel. Both begin
with the address that the handler returns to, whose code is one of two: that of the vdso's, the C library's own or the kernel's on the stack.
"""

from __future__ import annotations

import struct
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from ..memory import MemoryFault, Reader

# pop %eax; mov $119,%eax; int $0x80, and mov $173,%eax; int $0x80.
_SIGRETURN = b"\x58\xb8\x77\x00\x00\x00\xcd\x80"
_RT_SIGRETURN = b"\xb8\xad\x00\x00\x00\xcd\x80"
_CONTEXT = struct.Struct("<8H11I2H2I2H3I")
_CONTEXT_AT, _RT_CONTEXT_AT = 8, 164
_REGISTERS: Tuple[str, ...] = tuple("edi esi ebp esp ebx edx ecx eax".split())
_USER_CODE_SEGMENTS = (0x23, 0x73)


class Interrupted(NamedTuple):
    """``at``: what gdb calls the stack pointer of the frame; ``trap``, ``error`` and ``address`` as the processor reported them."""

    at: int
    registers: Dict[str, int]
    trap: int
    error: int
    address: int


def interrupted(reader: Reader, start: int, searched: int) -> Iterator[Interrupted]:
    """From ``start`` up; the kernel places a frame 4 bytes below a multiple of 16."""
    first = (start + 3) // 16 * 16 + 12
    for at in range(first, first + searched, 16):
        try:
            found = _at(reader, at)
        except MemoryFault:
            if at % 4096 < 16:
                return
            continue
        if found is not None:
            yield found


def _at(reader: Reader, at: int) -> Optional[Interrupted]:
    restorer, number = struct.unpack("<Ii", reader.read(at, 8))
    if not 1 <= number <= 64 or restorer < 4096:
        return None
    try:
        code = reader.read(restorer, 8)
    except MemoryFault:
        return None
    if code == _SIGRETURN:
        context = _CONTEXT.unpack(reader.read(at + _CONTEXT_AT, _CONTEXT.size))
    elif code.startswith(_RT_SIGRETURN):
        context = _CONTEXT.unpack(reader.read(at + _RT_CONTEXT_AT, _CONTEXT.size))
    else:
        return None
    trap, error, eip, code_segment = context[16:20]
    if code_segment not in _USER_CODE_SEGMENTS or trap > 32:
        return None
    registers: Dict[str, int] = dict(zip(_REGISTERS, context[8:16]))
    registers.update({"eip": eip, "eflags": context[21]})
    return Interrupted(at + 4, registers, trap, error, context[-1])
