"""Leaves out the middle of a very deep recursion while it is unwound, instead of unwinding it frame by frame.

gdb takes some 20 µs for each frame, so a recursion of 100,000 Python calls through C would take half a minute. But a recursion
repeats: its pcs have a period, and since each function's frame has one size, so have its stack pointers. Where that is seen, the saved
return addresses tell how often the period repeats (one read of memory for each), and a temporary unwinder of gdb's lets the frame before
the gap return into the one behind it: same pc, the stack pointer so many strides further, and the callee-saved registers read from
the slots that belong to that repetition. From there gdb goes on by itself to the outer end of the stack. (x86-64 only; elsewhere the walk is
slower and may be truncated.)
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from inquest.folding import period

_WINDOW = 640
_FEWEST_CYCLES = 16
_MOST_CYCLES = 10_000_000
_LARGEST_SPAN = 1 << 18
_CALLEE_SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15")
_SLOT = re.compile(r"\b(r[a-z0-9]+) at (0x[0-9a-f]+)")

Slots = Dict[str, int]


@dataclass(frozen=True)
class Gap:
    """``count`` times ``cycle`` frames are missing before the frame at ``index``."""

    index: int
    cycle: int
    count: int


class Jump(NamedTuple):
    """What the frame at (``pc``, ``sp``) returns to; ``gap`` says what that leaves out."""

    pc: int
    sp: int
    registers: Dict[str, int]
    gap: Gap


class FrameId:
    """What ``PendingFrame.create_unwind_info`` wants, as values of pointer type."""

    def __init__(self, sp: "gdb.Value", pc: "gdb.Value") -> None:
        self.sp = sp
        self.pc = pc


class _JumpUnwinder(Unwinder):
    def __init__(self, jump: Jump) -> None:
        super().__init__("inquest-skip")
        self._jump = jump

    def __call__(self, pending_frame: "gdb.PendingFrame") -> Optional["gdb.UnwindInfo"]:
        sp, pc = pending_frame.read_register("rsp"), pending_frame.read_register("rip")
        if unsigned(sp) != self._jump.sp or unsigned(pc) != self._jump.pc:
            return None
        info = pending_frame.create_unwind_info(FrameId(sp, pc))
        for name, value in self._jump.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
        return info


class skipping:
    """Context in which gdb unwinds with the jump. The frames that it has unwound stay as they are until the thread is switched."""

    def __init__(self, jump: Jump) -> None:
        self._unwinder = _JumpUnwinder(jump)

    def __enter__(self) -> None:
        register_unwinder(None, self._unwinder, replace=True)

    def __exit__(self, *error: object) -> None:
        gdb.frame_unwinders.remove(self._unwinder)


def unsigned(value: "gdb.Value") -> int:
    return int(value) & 0xFFFFFFFFFFFFFFFF


def stack_pointer_of(frame: "gdb.Frame") -> int:
    return unsigned(frame.read_register("rsp"))


def _word(address: int) -> int:
    return struct.unpack("<Q", bytes(gdb.selected_inferior().read_memory(address, 8)))[0]


def _slots(frame: "gdb.Frame") -> Slots:
    """Where this frame saved its caller's registers, by ``info frame``."""
    frame.select()
    text = gdb.execute("info frame", to_string=True) or ""
    return {name: int(address, 16) for name, address in _SLOT.findall(text.partition("Saved registers:")[2])}


def _return(frames: Sequence["gdb.Frame"], index: int, saved: Slots) -> Tuple[int, int]:
    """Where a frame's return address stands, and it. A function that was tail-called has a caller without a frame of its own, of which
    gdb makes one up: it tells no place then, but the next frame's stack begins right behind it."""
    place = saved["rip"] if "rip" in saved else stack_pointer_of(frames[index + 1]) - 8
    return place, _word(place)


def arrived(jump: Jump, frame: "gdb.Frame") -> bool:
    """Whether the frame behind the gap is the one that the jump leads to."""
    try:
        return frame.pc() == jump.registers["rip"] and stack_pointer_of(frame) == jump.registers["rsp"]
    except (gdb.error, RuntimeError, ValueError):
        return False


def find_jump(frames: Sequence["gdb.Frame"], pcs: Sequence[int], types: Sequence[int], keep: int) -> Optional[Jump]:
    """A jump over the recursion that the walk is in, when it is in one. ``keep`` frames stay at each side of the gap, about."""
    try:
        return _find_jump(frames, pcs, types, keep)
    except (gdb.error, gdb.MemoryError, RuntimeError, KeyError, ValueError, struct.error, OverflowError):
        return None


def _find_jump(frames: Sequence["gdb.Frame"], pcs: Sequence[int], types: Sequence[int], keep: int) -> Optional[Jump]:
    if frames[0].architecture().name() != "i386:x86-64":
        return None
    begin = _cycle_begin(pcs, types, keep)
    if begin is None:
        return None
    start, cycle = begin
    stride = _stride(frames, start, cycle)
    if stride is None:
        return None
    physical = [index for index in range(start, start + cycle) if types[index] == gdb.NORMAL_FRAME]
    if len(physical) == 0 or any(types[index] == gdb.SIGTRAMP_FRAME for index in range(start, start + cycle)):
        return None
    slots = [_slots(frames[index]) for index in physical]
    returns = [_return(frames, index, saved) for index, saved in zip(physical, slots)]
    count = _repetitions(returns, stride) - (keep // cycle + 4)
    if count < _FEWEST_CYCLES:
        return None
    target = start + cycle
    return Jump(
        pcs[target - 1],
        stack_pointer_of(frames[target - 1]),
        _registers(frames[target], slots, stride, count),
        Gap(target, cycle, count),
    )


def _cycle_begin(pcs: Sequence[int], types: Sequence[int], keep: int) -> Optional[Tuple[int, int]]:
    """From which frame on the pcs repeat, and after how many frames; the frame before it is a real one, that can return to this one."""
    cycle = period(pcs[-_WINDOW:])
    if cycle is None:
        return None
    start = len(pcs) - cycle
    while start > keep and pcs[start - 1] == pcs[start - 1 + cycle]:
        start -= 1
    while start < len(pcs) and (types[start - 1] != gdb.NORMAL_FRAME or types[start] == gdb.TAILCALL_FRAME):
        start += 1
    return (start, cycle) if start + 4 * cycle <= len(pcs) else None


def _stride(frames: Sequence["gdb.Frame"], start: int, cycle: int) -> Optional[int]:
    """Bytes of stack that one cycle takes, when three in a row take the same."""
    pointers = [stack_pointer_of(frames[start + at * cycle]) for at in range(4)]
    strides = {after - before for before, after in zip(pointers, pointers[1:])}
    stride = strides.pop()
    return stride if not strides and stride > 0 else None


def _repetitions(returns: Sequence[Tuple[int, int]], stride: int) -> int:
    """How many times in a row all return addresses of the cycle stand one stride further."""
    low = min(address for address, _ in returns)
    span = max(address for address, _ in returns) + 8 - low
    if span > _LARGEST_SPAN:
        return 0
    offsets = [(address - low, value) for address, value in returns]
    inferior = gdb.selected_inferior()
    for count in range(_MOST_CYCLES):
        try:
            stack = inferior.read_memory(low + count * stride, span).tobytes()
        except gdb.MemoryError:
            return count
        if any(struct.unpack_from("<Q", stack, offset)[0] != value for offset, value in offsets):
            return count
    return _MOST_CYCLES


def _registers(target: "gdb.Frame", slots: List[Slots], stride: int, count: int) -> Dict[str, int]:
    """The registers of the frame ``count`` cycles out of ``target``: from the innermost frame's slot that lies nearest, else unchanged."""
    found = {"rip": target.pc(), "rsp": stack_pointer_of(target) + count * stride}
    for name in _CALLEE_SAVED:
        saved = next((each[name] for each in reversed(slots) if name in each), None)
        found[name] = _word(saved + count * stride) if saved is not None else unsigned(target.read_register(name))
    return found
