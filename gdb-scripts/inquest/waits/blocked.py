"""Which threads sleep on a word of memory: by the registers that the kernel saved, and a handler's signal frame where one runs."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ..memory import MemoryFault, Reader
from ..system_calls import SystemCall, interrupted_call, system_call

_FUTEXES = ("futex", "futex_wait")
# include/uapi/linux/futex.h: the operations that wait, without their flags.
_WAITS = {0: "wait", 9: "wait_bitset", 6: "lock_pi", 13: "lock_pi2"}
_COMMAND = 0x7F
_EINTR = -4
_FUTEX_X86_64 = 202
_STACK_BYTES = 4096
# vm.mmap_min_addr: nothing is mapped below.
_LEAST_ADDRESS = 65_536


class Blocked(NamedTuple):
    """``word``: the address slept on, None where the result overwrote it (aarch64). ``timed``: a time was given. ``hands``: registers and
    the words of the innermost stack, the pointers the thread had at hand."""

    lwp: int
    word: Optional[int]
    expected: Optional[int]
    timed: Optional[bool]
    hands: List[int]


def blocked_threads(core: Any, crashed: Optional[int], signal_frames: List[Dict[str, Any]]) -> List[Blocked]:
    """The threads of the core that sleep in a futex."""
    found = []
    reader = Reader(core)
    for lwp in core.lwps:
        registers = core.registers(lwp)
        call: Optional[SystemCall] = system_call(core.machine, core.pointer_size, registers)
        sp = core.sp(lwp)
        if call is None and lwp == crashed and signal_frames:
            registers = {name: int(value, 16) for name, value in signal_frames[-1]["registers"].items()}
            call = _interrupted(core, registers)
            sp = registers.get("rsp", registers.get("sp"))
        if call is None or call.name not in _FUTEXES:
            continue
        word, operation, expected, timeout = call.arguments[:4]
        if call.name == "futex" and operation is not None and operation & _COMMAND not in _WAITS:
            continue
        if word is not None and word < _LEAST_ADDRESS:
            continue
        timed = None if timeout is None else timeout != 0
        found.append(Blocked(lwp, word, None if expected is None else expected & 0xFFFFFFFF, timed, _hands(reader, registers, sp)))
    return found


def _interrupted(core: Any, registers: Mapping[str, int]) -> Optional[SystemCall]:
    """The call that a handler interrupted. Without the C library's code its number is lost; then a futex is assumed, and what its word
    turns out to be has to prove it."""
    told = interrupted_call(core, registers)
    if told is not None or core.machine != "x86_64":
        return told
    if registers.get("rax", 0) not in (_FUTEX_X86_64, _EINTR & (1 << 64) - 1):
        return None
    arguments = tuple(registers.get(name) for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9"))
    return SystemCall(_FUTEX_X86_64, "futex", arguments)


def _hands(reader: Reader, registers: Mapping[str, int], sp: Optional[int]) -> List[int]:
    values: Dict[int, None] = dict.fromkeys(registers.values())
    word = reader.pointer_size
    at = sp
    while at is not None and sp is not None and at < sp + _STACK_BYTES:
        try:
            values.update(dict.fromkeys(reader.pointers(at, 64)))
        except MemoryFault:
            break
        at += 64 * word
    return [value for value in values if value >= _LEAST_ADDRESS and value % word == 0]
