"""The frames that the kernel pushed to run signal handlers: what they interrupted, and why.

A handler that raises its signal again (faulthandler's does) leaves a core whose own siginfo says only that the process signalled
itself. What really happened stands in ``struct rt_sigframe`` on the handler's stack. It is looked for from the stack pointer
upwards, without unwinding: the struct has enough constants to be told from other memory. The kernel fills its ``siginfo`` only for
handlers set with ``SA_SIGINFO`` (faulthandler's is not); the registers and the fault that the processor reported are always there.

Layouts: ``arch/x86/include/asm/sigframe.h``, ``arch/x86/include/uapi/asm/sigcontext.h``, ``arch/arm64/kernel/signal.c``,
``arch/arm64/include/uapi/asm/sigcontext.h`` of the kernel.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..core_notes import STACK_POINTER
from ..memory import MemoryFault, Reader
from .signal_frame_i386 import interrupted

_MOST_FRAMES = 4
_SEARCHED = 256 << 10
_CHUNK = 4096
_SIGINFO = 128
# What copy_siginfo_to_user writes at most; the rest is cleared.
_SIGINFO_USED = 48

_X86_REGISTERS: Tuple[str, ...] = tuple("r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip eflags".split())
_X86_CONTEXT = struct.Struct("<18QHHHHQQQQQ")
# mov $15,%rax; syscall: what glibc and musl set as sa_restorer.
_X86_RESTORER = (b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", b"\xb8\x0f\x00\x00\x00\x0f\x05")
_USER_CODE_SEGMENT = 0x33
_MOST_CONTEXT_FLAGS = 7
# FP_XSTATE_MAGIC1, in the software bytes of the saved floating-point state.
_XSTATE_MAGIC, _XSTATE_MAGIC_AT = 0x46505853, 464
# Exception vectors that end in a signal. 0 is also what a thread has that never faulted.
_X86_TRAPS = {0: "divide", 1: "debug", 3: "breakpoint", 6: "invalid_opcode", 12: "stack", 13: "protection", 14: "page", 16: "float", 17: "alignment", 19: "float"}

_ARM_FPSIMD, _ARM_ESR = 0x46508001, 0x45535201
_ARM_CONTEXT_AT = _SIGINFO + 176
_ARM_RECORDS_AT = _ARM_CONTEXT_AT + 288
_ARM_REGISTERS = tuple(["x%d" % number for number in range(31)] + ["sp", "pc", "cpsr"])


def signal_frames(core: Any, lwp: Optional[int]) -> List[Dict[str, Any]]:
    """The signal frames of one thread, innermost first, at most four.

    ``frame``: what gdb calls the stack pointer of ``<signal handler called>``; ``siginfo``: the first 32 bytes of ``siginfo_t`` as
    hex, None where the kernel left it out; ``registers``: by gdb's names; ``fault``: the last fault of the thread (None: it never had
    one that became a signal): ``kind``, and of page faults ``address``, ``write``, ``fetch`` and ``present`` (None: not told).
    """
    find = {"x86_64": _x86_64, "aarch64": _aarch64, "i386": _i386}.get(core.machine)
    start = core.sp(lwp) if lwp is not None else None
    found: List[Dict[str, Any]] = []
    reader = Reader(core)
    while find is not None and start and len(found) < _MOST_FRAMES:
        frame = next(find(reader, start), None)
        if frame is None:
            break
        found.append(frame)
        # The interrupted code may run on another stack; a fault of its stack pointer leaves none to go on with.
        start = int(frame["registers"][STACK_POINTER.get(core.machine, "sp")], 16)
    return found


def _places(reader: Reader, start: int) -> Iterator[int]:
    """The 16-byte aligned addresses from ``start`` up, as far as memory goes."""
    first = (start + 15) // 16 * 16
    for at in range(first, first + _SEARCHED, 16):
        if at % _CHUNK == 0 or at == first:
            try:
                reader.read(at, 1)
            except MemoryFault:
                return
        yield at


def _x86_64(reader: Reader, start: int) -> Iterator[Dict[str, Any]]:
    for at in _places(reader, start):
        context = _x86_context(reader, at)
        if context is not None:
            registers: Dict[str, int] = dict(zip(_X86_REGISTERS, context))
            yield _told(at, reader.read(at + 304, _SIGINFO), registers, _x86_fault(context[23], context[22], context[25]))


def _i386(reader: Reader, start: int) -> Iterator[Dict[str, Any]]:
    for found in interrupted(reader, start, _SEARCHED):
        yield _told(found.at, bytes(_SIGINFO), found.registers, _x86_fault(found.trap, found.error, found.address))


def interrupted_registers(reader: Reader, at: int) -> Optional[Dict[str, int]]:
    """The registers that the signal frame whose ``uc`` is at ``at`` gives back (x86-64); None when there is no such frame."""
    context = _x86_context(reader, at) if at % 16 == 0 else None
    return dict(zip(_X86_REGISTERS, context)) if context is not None else None


def _x86_context(reader: Reader, at: int) -> Optional[Tuple[int, ...]]:
    """``struct sigcontext`` of ``struct rt_sigframe { char *pretcode; struct ucontext uc; struct siginfo info; }``, its ``uc`` aligned to 16."""
    try:
        flags, link = struct.unpack("<QQ", reader.read(at, 16))
        if flags > _MOST_CONTEXT_FLAGS or link != 0:
            return None
        context = _X86_CONTEXT.unpack(reader.read(at + 40, _X86_CONTEXT.size))
        reader.read(at + 304, _SIGINFO)
        restorer = reader.pointer(at - 8)
    except MemoryFault:
        return None
    trap, state = context[23], context[26]
    if context[18] != _USER_CODE_SEGMENT or trap > 32 or (state != 0 and not at < state < at + (64 << 10)):
        return None
    return context if _restores(reader, restorer) or (state != 0 and _saved_state(reader, state)) else None


def _x86_fault(trap: int, error: int, address: int) -> Optional[Dict[str, Any]]:
    """Of ``trapno``, ``err`` and ``cr2``: bits 0, 1 and 4 of the error code of a page fault (Intel SDM 3A, 4.7)."""
    kind = _X86_TRAPS.get(trap)
    if kind is None:
        return None
    if kind != "page":
        return _fault(kind, None, None, None, None)
    return _fault(kind, address, bool(error & 2), bool(error & 16), bool(error & 1))


def _restores(reader: Reader, restorer: int) -> bool:
    """Whether the return address is the C library's restorer."""
    try:
        return reader.read(restorer, 9).startswith(_X86_RESTORER)
    except MemoryFault:
        return False


def _saved_state(reader: Reader, state: int) -> bool:
    try:
        return reader.uint(state + _XSTATE_MAGIC_AT, 4) == _XSTATE_MAGIC
    except MemoryFault:
        return False


def _aarch64(reader: Reader, start: int) -> Iterator[Dict[str, Any]]:
    """``struct rt_sigframe { struct siginfo info; struct ucontext uc; }``; the floating-point record is always the first one."""
    for at in _places(reader, start):
        try:
            if not _is_arm_frame(reader, at):
                continue
            context = struct.unpack("<35Q", reader.read(at + _ARM_CONTEXT_AT, 280))
            info = reader.read(at, _SIGINFO)
        except MemoryFault:
            continue
        syndrome = _syndrome(reader, at + _ARM_RECORDS_AT)
        yield _told(at, info, dict(zip(_ARM_REGISTERS, context[1:])), _arm_fault(syndrome, context[0]))


def _is_arm_frame(reader: Reader, at: int) -> bool:
    if struct.unpack("<QQ", reader.read(at + _SIGINFO, 16)) != (0, 0):
        return False
    return struct.unpack("<II", reader.read(at + _ARM_RECORDS_AT, 8)) == (_ARM_FPSIMD, 0x210)


def arm_signal_frame(reader: Reader, start: int, end: int) -> Optional[int]:
    """The address of the first signal frame that lies between two addresses of a stack."""
    try:
        return next((at for at in range((start + 15) // 16 * 16, min(end, start + _SEARCHED), 16) if _is_arm_frame(reader, at)), None)
    except MemoryFault:
        return None


def _arm_fault(syndrome: Optional[int], address: int) -> Optional[Dict[str, Any]]:
    """Of ``ESR_EL1``: exception class (bits 31 to 26), WnR (6), fault status (5 to 0; 0b0011xx is a permission fault)."""
    if syndrome is None:
        return None
    kind = syndrome >> 26 & 0x3F
    if kind in (0x20, 0x21, 0x24, 0x25):
        fetch = kind < 0x24
        return _fault("page", address, bool(syndrome & 64) and not fetch, fetch, syndrome & 0x3C == 0x0C)
    return _fault({0x00: "invalid_opcode", 0x22: "alignment", 0x26: "alignment", 0x2C: "float", 0x3C: "breakpoint"}.get(kind, "other"), None, None, None, None)


def _syndrome(reader: Reader, at: int) -> Optional[int]:
    """``struct esr_context`` among the records; None when the kernel wrote none."""
    end = at + 4096
    try:
        while at < end:
            magic, size = struct.unpack("<II", reader.read(at, 8))
            if magic == _ARM_ESR:
                return reader.uint(at + 8, 8)
            if magic == 0 or size < 16:
                return None
            at += size
    except MemoryFault:
        pass
    return None


def _fault(kind: str, address: Optional[int], write: Optional[bool], fetch: Optional[bool], present: Optional[bool]) -> Dict[str, Any]:
    return {"kind": kind, "address": None if address is None else "0x%x" % address, "write": write, "fetch": fetch, "present": present}


def _filled(info: bytes) -> bool:
    """Whether the kernel wrote this ``siginfo_t``: it clears what it does not use, and stale stack seldom looks so."""
    number, error, code, padding = struct.unpack_from("<iiiI", info)
    return 1 <= number <= 64 and error == 0 and padding == 0 and -60 <= code <= 128 and not any(info[_SIGINFO_USED:])


def _told(at: int, info: bytes, registers: Dict[str, int], fault: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    return {
        "frame": "0x%x" % at,
        "siginfo": info[:32].hex() if _filled(info) else None,
        "registers": {name: "0x%x" % value for name, value in registers.items()},
        "fault": fault,
    }
