"""Walks the C stack of the selected thread with gdb's unwinders, within a budget of time."""

from __future__ import annotations

import time
from typing import List, NamedTuple, Optional

import gdb

_MOST_FRAMES = 4_000_000
_CHECK_EVERY = 256


class Walk(NamedTuple):
    """``frames`` and ``pcs``, innermost first. ``truncated``: there is more, the budget was spent."""

    frames: List["gdb.Frame"]
    pcs: List[int]
    truncated: bool
    stop_reason: Optional[str]


class Clock:
    """Shares ``seconds`` among the threads: one may take half of what is left, but its innermost frames always come."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def deadline(self) -> float:
        now = time.monotonic()
        return now + max(0.0, self._end - now) / 2


def walk_thread(limit: int, clock: Clock) -> Walk:
    """The stack of the selected thread. Unwinding errors end the walk and become its ``stop_reason``; ``KeyboardInterrupt`` passes."""
    frames: List[gdb.Frame] = []
    pcs: List[int] = []
    deadline = clock.deadline()
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    while frame is not None:
        try:
            pcs.append(frame.pc())
            frames.append(frame)
            older = frame.older()
        except (gdb.error, RuntimeError) as error:
            return Walk(frames, pcs[: len(frames)], False, _plain(error))
        if older is None:
            return Walk(frames, pcs, False, _stop_reason(frame))
        frame = older
        count = len(frames)
        if count >= _MOST_FRAMES or (count >= limit and count % _CHECK_EVERY == 0 and time.monotonic() > deadline):
            return Walk(frames, pcs, True, None)
    return Walk(frames, pcs, False, None)


def _plain(error: Exception) -> str:
    return str(error).encode("ascii", "replace").decode()[:200]


def _stop_reason(outermost: "gdb.Frame") -> Optional[str]:
    """None when the stack ended where it should: at ``main``, the outermost frame, or a function that marks itself so."""
    reason = outermost.unwind_stop_reason()
    if reason in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST):
        return None
    return gdb.frame_stop_reason_string(reason)
