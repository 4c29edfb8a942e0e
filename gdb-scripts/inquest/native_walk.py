"""Walks the C stack of the selected thread with gdb's unwinders, within a budget of time."""

from __future__ import annotations

import time
from typing import List, Optional, Union

import gdb

from inquest.folding import Fold, keep_ends, keep_ends_around
from inquest.native_bridge import NO_FILE, Bridges
from inquest.native_records import Records
from inquest.native_skip import Gap, Jump, arrived, find_jump, skipping

_MOST_FRAMES = 4_000_000
_CHECK_EVERY = 256
_DEEP = 2_048
_MOST_TRIES = 16
NO_CODE = "the return address is no code"

Ways = Union[Bridges, Records]


class Walk:
    """``frames``, their ``pcs`` and their types, innermost first, without those of the ``gap``.

    ``truncated``: there is more, the budget was spent. ``stop_reason``: why there is no more, when that is not the regular end.
    """

    def __init__(self) -> None:
        self.frames: List[gdb.Frame] = []
        self.pcs: List[int] = []
        self.types: List[int] = []
        self.gap: Optional[Gap] = None
        self.truncated = False
        self.stop_reason: Optional[str] = None

    def plausible(self, bridges: Ways) -> bool:
        """Whether every caller stands behind a call, and the stack ended where it should or where a file is missing."""
        if self.stop_reason not in (None, NO_FILE):
            return False
        for index in range(1, len(self.pcs)):
            if self.types[index] == gdb.NORMAL_FRAME and self.types[index - 1] == gdb.NORMAL_FRAME:
                if not bridges.needed(self.pcs[index]) and not bridges.call_site(self.pcs[index]):
                    return self.stop_reason is None and index == len(self.pcs) - 1
        return True

    def told(self, limit: int) -> List[Union[int, Fold]]:
        """Which frames the report tells."""
        if self.gap is None:
            return keep_ends(self.pcs, limit)
        return keep_ends_around(self.pcs, limit, self.gap.index, Fold(self.gap.cycle, self.gap.count))


class Clock:
    """Shares ``seconds`` among the threads: one may take half of what is left, but its innermost frames always come."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def deadline(self) -> float:
        now = time.monotonic()
        return now + max(0.0, self._end - now) / 2


def walk_thread(thread: "gdb.InferiorThread", limit: int, clock: Clock, bridges: Ways) -> Walk:
    """The stack of a thread. Unwinding errors end the walk and become its ``stop_reason``; ``KeyboardInterrupt`` passes."""
    deadline = clock.deadline()
    thread.switch()
    bridges.begin()
    for _ in range(_MOST_TRIES):
        thread.switch()
        walk = _walk(limit, deadline, bridges)
        if not bridges.used or walk.plausible(bridges):
            return walk
        gdb.invalidate_cached_frames()
        if not bridges.another():
            break
    # None of them leads to a stack that holds together: what is before the first bridge is told, and no guess.
    bridges.give_up()
    thread.switch()
    return _walk(limit, deadline, bridges)


def _walk(limit: int, deadline: float, bridges: Ways) -> Walk:
    walk = Walk()
    deep = max(_DEEP, 2 * limit)
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None:
        frame = _extend(walk, frame, deep, limit, deadline, bridges)
        if frame is None or len(walk.frames) < deep:
            break
        jump = find_jump(walk.frames, walk.pcs, walk.types, limit)
        if jump is not None:
            with skipping(jump):
                jumped = _walk_over(jump, limit, deadline, bridges)
            if jumped is not None:
                return jumped
            # The frames of this walk are stale: once more, without looking for a jump.
            walk = Walk()
            frame = _extend(walk, gdb.newest_frame(), _MOST_FRAMES, limit, deadline, bridges)
            break
        deep *= 2
    walk.truncated = frame is not None
    return walk


def _walk_over(jump: Jump, limit: int, deadline: float, bridges: Ways) -> Optional[Walk]:
    """The walk from its begin with the jump in place; None when it did not get over the gap."""
    walk = Walk()
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None and len(walk.frames) <= jump.gap.index:
        frame = _extend(walk, frame, jump.gap.index + 1, limit, deadline, bridges)
    if len(walk.frames) <= jump.gap.index or not arrived(jump, walk.frames[jump.gap.index]):
        return None
    walk.gap = jump.gap
    if frame is not None:
        frame = _extend(walk, frame, _MOST_FRAMES, limit, deadline, bridges)
    walk.truncated = frame is not None
    return walk


def _extend(walk: Walk, frame: "gdb.Frame", most: int, limit: int, deadline: float, bridges: Ways) -> Optional["gdb.Frame"]:
    """Adds frames from ``frame`` on until there are ``most`` or the time is up; returns the next one, None at the end of the stack."""
    while True:
        try:
            pc, kind = frame.pc(), frame.type()
            if kind == gdb.NORMAL_FRAME and len(walk.frames) > 0 and bridges.returns_from_signal(frame):
                kind = gdb.SIGTRAMP_FRAME
            walk.frames.append(frame)
            walk.pcs.append(pc)
            walk.types.append(kind)
            reason = _end(walk, frame, bridges) if kind == gdb.NORMAL_FRAME else None
            if reason is not None:
                walk.stop_reason = reason or None
                return None
            older = frame.older()
        except (gdb.error, RuntimeError) as error:
            walk.stop_reason = str(error).encode("ascii", "replace").decode()[:200]
            return None
        if older is None:
            walk.stop_reason = _stop_reason(frame)
            return None
        frame = older
        count = len(walk.frames)
        if count >= most or (count >= limit and count % _CHECK_EVERY == 0 and time.monotonic() > deadline):
            return frame


def _end(walk: Walk, frame: "gdb.Frame", bridges: Ways) -> Optional[str]:
    """Why the stack ends at this frame. Where a call cannot return to, the stack was overwritten, or is another's: coroutines in C share one."""
    if len(walk.pcs) > 1 and walk.types[-2] != gdb.SIGTRAMP_FRAME and not bridges.may_be_code(walk.pcs[-1]):
        return NO_CODE
    return bridges.ends_at(frame)


def _stop_reason(outermost: "gdb.Frame") -> Optional[str]:
    """None when the stack ended where it should: at ``main``, the outermost frame, or a function that marks itself so."""
    reason = outermost.unwind_stop_reason()
    if reason in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST):
        return None
    return gdb.frame_stop_reason_string(reason)
