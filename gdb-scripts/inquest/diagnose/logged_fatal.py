"""What a failed CHECK or a fatal log message of glog or abseil said, as it still stands in memory.

glog (src/logging.cc) formats the line into a buffer of its own, ``F20261128 15:30:00.123456  4711 crane.cpp:12] Check failed: …``, abseil alike:
severity, time, thread and place. The thread is the one that aborts. abseil's raw logging (absl/base/internal/raw_logging.cc) has its line in a
buffer on the stack: ``[crane.cpp : 12] RAW: Check n == 3 failed: …``.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, Optional, Set, Tuple

from ..memory import MemoryFault

_LINE = re.compile(rb"F\d{4}(?:\d{4})? \d\d:\d\d:\d\d\.\d{6} +(\d+) [\w./+-]{1,200}:\d{1,7}\] [^\n\0]{1,1000}")
_RAW = re.compile(rb"\[[\w./+-]{1,200} : \d{1,7}\] RAW: Check [^\n\0]{1,1000}")
_STACK = 256 << 10
_MOST_HEAP = 512 << 20


def logged_fatal(core: Any, lwp: Optional[int], sp: Optional[int]) -> Optional[Dict[str, Any]]:
    """``text`` and ``address`` of the one line of the thread ``lwp``; None where there is none, or where several say different things."""
    if lwp is None or sp is None:
        return None
    for places in (_on_stack(core, sp), _in_heap(core)):
        found: Dict[str, int] = {}
        for address, raw, thread in places:
            text = raw.decode("utf-8", "replace").strip()
            if thread in (None, lwp) and "\ufffd" not in text and text.isprintable():
                found.setdefault(text, address)
        # A copy may be cut.
        whole: Set[str] = {text for text in found if not any(other != text and other.startswith(text) for other in found)}
        if whole:
            text = whole.pop()
            return {"text": text, "address": "0x%x" % found[text]} if not whole else None
    return None


Found = Iterator[Tuple[int, bytes, Optional[int]]]


def _on_stack(core: Any, sp: int) -> Found:
    segment = core.segment_at(sp)
    if segment is None:
        return
    try:
        raw = core.read(sp, min(_STACK, segment.start + segment.dumped - sp))
    except MemoryFault:
        return
    for match in _LINE.finditer(raw):
        yield sp + match.start(), match.group(), int(match.group(1))
    for match in _RAW.finditer(raw):
        yield sp + match.start(), match.group(), None


def _in_heap(core: Any) -> Found:
    searched = 0
    for segment in core.segments:
        if not segment.writable:
            continue
        for start, end in core.data_of(segment):
            searched += end - start
            if searched > _MOST_HEAP:
                return
            for match in _LINE.finditer(core.elf.data, start, end):
                yield segment.start + match.start() - segment.offset, match.group(), int(match.group(1))
