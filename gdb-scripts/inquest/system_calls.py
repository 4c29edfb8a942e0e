"""In which system call the kernel had put each thread to sleep, told by its registers alone.

A thread that a fatal signal takes out of a blocking call leaves it with ``-EINTR`` or one of the kernel's own restart codes
(``include/linux/errno.h``), and beside it the call's number stands in the saved registers. So this holds for stripped
programs, for every C library, and where nothing can be unwound.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .frames.image import Image
from .memory import MemoryFault
from .return_addresses import follows_call

# pthread_cond_t and sem_t of glibc and musl on 64 bits.
_SIZEOF_CONDITION, _SIZEOF_SEMAPHORE = 48, 32
# EINTR, ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK.
_INTERRUPTED = frozenset((-4, -512, -513, -514, -516))
# A wait whose time was up just then goes on, as that for the GIL does every 5 ms.
_TIMED_OUT = -110
# mov %r11,8(%rsp); syscall
_CANCELLABLE = b"\x4c\x89\x5c\x24\x08\x0f\x05"
_MOST_CALLS = 1024
_FUTEXES = ("futex", "futex_wait")

_X86_64 = {
    "read": 0, "write": 1, "poll": 7, "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "select": 23, "pause": 34,
    "nanosleep": 35, "connect": 42, "accept": 43, "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "wait4": 61,
    "fcntl": 72, "flock": 73, "fsync": 74, "fdatasync": 75, "rt_sigtimedwait": 128, "rt_sigsuspend": 130, "futex": 202,
    "io_getevents": 208, "clock_nanosleep": 230, "epoll_wait": 232, "waitid": 247, "pselect6": 270, "ppoll": 271,
    "epoll_pwait": 281, "accept4": 288, "preadv": 295, "pwritev": 296, "recvmmsg": 299, "sendmmsg": 307,
    "io_uring_enter": 426, "epoll_pwait2": 441, "futex_waitv": 449, "futex_wait": 455,
}  # fmt: skip
_I386 = {
    "read": 3, "write": 4, "waitpid": 7, "pause": 29, "fcntl": 55, "wait4": 114, "fsync": 118, "select": 142, "flock": 143,
    "readv": 145, "writev": 146, "fdatasync": 148, "nanosleep": 162, "poll": 168, "rt_sigtimedwait": 177, "rt_sigsuspend": 179,
    "pread64": 180, "pwrite64": 181, "fcntl64": 221, "futex": 240, "epoll_wait": 256, "clock_nanosleep": 267, "waitid": 284,
    "pselect6": 308, "ppoll": 309, "epoll_pwait": 319, "recvmmsg": 337, "connect": 362, "accept4": 364, "sendto": 369,
    "sendmsg": 370, "recvfrom": 371, "recvmsg": 372,
}  # fmt: skip
# include/uapi/asm-generic/unistd.h: aarch64, riscv64.
_GENERIC = {
    "epoll_pwait": 22, "fcntl": 25, "flock": 32, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67,
    "pwrite64": 68, "preadv": 69, "pwritev": 70, "pselect6": 72, "ppoll": 73, "fsync": 82, "fdatasync": 83, "waitid": 95,
    "futex": 98, "nanosleep": 101, "clock_nanosleep": 115, "rt_sigsuspend": 133, "rt_sigtimedwait": 137, "accept": 202,
    "connect": 203, "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "accept4": 242, "recvmmsg": 243,
    "wait4": 260, "sendmmsg": 269, "io_uring_enter": 426, "epoll_pwait2": 441, "futex_waitv": 449, "futex_wait": 455,
}  # fmt: skip
# Calls of 32-bit machines with 64-bit times have numbers of their own.
_TIME64 = {"clock_nanosleep": 407, "pselect6": 413, "ppoll": 414, "recvmmsg": 417, "rt_sigtimedwait": 421, "futex": 422}


class _Convention(NamedTuple):
    """Registers by gdb's names: ``number`` of the call, ``result``, ``arguments``; '' for one that the result overwrote."""

    number: str
    result: str
    arguments: Tuple[str, ...]
    calls: Mapping[int, str]


def _by_number(*tables: Mapping[str, int]) -> Dict[int, str]:
    return {number: name for table in tables for name, number in table.items()}


_CONVENTIONS = {
    "x86_64": _Convention("orig_rax", "rax", ("rdi", "rsi", "rdx", "r10", "r8", "r9"), _by_number(_X86_64)),
    "i386": _Convention("orig_eax", "eax", ("ebx", "ecx", "edx", "esi", "edi", "ebp"), _by_number(_I386, _TIME64)),
    "aarch64": _Convention("x8", "x0", ("", "x1", "x2", "x3", "x4", "x5"), _by_number(_GENERIC)),
    "riscv64": _Convention("a7", "a0", ("", "a1", "a2", "a3", "a4", "a5"), _by_number(_GENERIC)),
}


class SystemCall(NamedTuple):
    """A call that a thread was blocked in. ``name`` is None for one not in the tables; an argument that was lost is None."""

    number: int
    name: Optional[str]
    arguments: Tuple[Optional[int], ...]


def system_call(machine: str, pointer_size: int, registers: Mapping[str, int]) -> Optional[SystemCall]:
    """The call that a thread was blocked in; None when it ran, or when its registers cannot tell."""
    convention = _CONVENTIONS.get(machine)
    if convention is None or convention.number not in registers or convention.result not in registers:
        return None
    sign = 1 << (8 * pointer_size - 1)
    number, result = ((registers[name] ^ sign) - sign for name in (convention.number, convention.result))
    name = convention.calls.get(number)
    if number < 0 or (result not in _INTERRUPTED and not (result == _TIMED_OUT and name in _FUTEXES)):
        return None
    return SystemCall(number, name, tuple(registers.get(name) for name in convention.arguments))


def interrupted_call(core: Any, registers: Mapping[str, int]) -> Optional[SystemCall]:
    """As ``system_call``, from the registers that a signal handler's frame keeps (x86-64): the call's number is gone from them.

    The kernel lets the interrupted call either return EINTR or be made again: then the program counter is back at ``syscall`` and its number in
    ``rax``. Else the code before it says the number: ``mov $N,%eax; syscall``; or it is ``__syscall_cancel_arch`` (glibc 2.41+).
    """
    if core.machine != "x86_64":
        return None
    result, pc = registers.get("rax", 0), registers.get("rip", 0)
    try:
        before, after = core.read(pc - 7, 7), core.read(pc, 2)
    except MemoryFault:
        return None
    if after == b"\x0f\x05":
        number = result
    elif before[5:] == b"\x0f\x05" and before[0] == 0xB8 and result - (1 << 64) in _INTERRUPTED:
        number = int.from_bytes(before[1:5], "little")
    elif before == _CANCELLABLE and result - (1 << 64) in _INTERRUPTED:
        number = _number_on_stack(core, registers.get("rsp", 0))
    else:
        return None
    convention = _CONVENTIONS[core.machine]
    name = convention.calls.get(number)
    return SystemCall(number, name, tuple(registers.get(each) for each in convention.arguments)) if name is not None else None


def _number_on_stack(core: Any, sp: int) -> int:
    """What ``__internal_syscall_cancel`` got as its seventh argument, so behind its return address; -1 when it is not found.

    ``__syscall_cancel_arch`` (sysdeps/unix/sysv/linux/x86_64/syscall_cancel.S) keeps it nowhere. Its own return address and the
    two arguments it got on the stack come before.
    """
    try:
        words = struct.unpack("<12Q", core.read(sp + 24, 96))
        for address, behind in zip(words, words[1:]):
            if address > 65_536 and behind < _MOST_CALLS and follows_call(core.read(address - 8, 8)):
                return behind
    except MemoryFault:
        pass
    return -1


def gil_ranges(image: Image, runtime: Any, symbol: Callable[[str], Optional[int]] = lambda _: None) -> List[Tuple[int, int]]:
    """``[start, end)`` of every ``struct _gil_runtime_state``: who sleeps on a word in it waits for the GIL.

    Before 3.7 it is static: the condition variable ``gil_cond``, in 2.7 the semaphore that ``interpreter_lock`` points to.
    """
    layouts = image.layouts
    size = layouts.size("_gil_runtime_state") if layouts.has("_gil_runtime_state") else 208
    starts = set()
    if runtime.address and layouts.has("_PyRuntimeState", "ceval.gil"):
        starts.add(runtime.address + layouts.offset("_PyRuntimeState", "ceval.gil"))
    if layouts.has("PyInterpreterState", "ceval.gil"):
        starts.update(image.optional_pointer(each.address, "PyInterpreterState", "ceval.gil") or 0 for each in runtime.interpreters)
    if not starts and image.version < (3, 7):
        condition, lock = symbol("gil_cond"), symbol("interpreter_lock")
        if condition:
            return [(condition, condition + _SIZEOF_CONDITION)]
        start = image.reader.pointer(lock) if lock else 0
        return [(start, start + _SIZEOF_SEMAPHORE)] if start else []
    return [(start, start + size) for start in sorted(starts - {0})]


def described_calls(core: Any, gils: Sequence[Tuple[int, int]], crashed: Optional[int] = None, outermost: Optional[Mapping[str, int]] = None) -> List[Dict[str, Any]]:
    """One entry for each LWP that was blocked in a call; ``waits_for_gil`` is None where that cannot be told.

    ``outermost``: the registers that the outermost signal handler of the ``crashed`` thread interrupted.
    """
    described = []
    for lwp in core.lwps:
        call = system_call(core.machine, core.pointer_size, core.registers(lwp))
        if call is None and lwp == crashed and outermost:
            call = interrupted_call(core, outermost)
        if call is None:
            continue
        word = call.arguments[0] if call.name in _FUTEXES else None
        waits = any(start <= word < end for start, end in gils) if word is not None and gils else None
        described.append(
            {
                "lwp": lwp,
                "number": call.number,
                "name": call.name,
                "arguments": [None if argument is None else "0x%x" % argument for argument in call.arguments],
                "waits_for_gil": waits,
            }
        )
    return described
