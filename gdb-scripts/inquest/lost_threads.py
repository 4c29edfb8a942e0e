"""Thread states that no list leads to: where the interpreter's own state was overwritten, or lies in the part that the core lacks.

``PyThreadState.thread_id`` is ``pthread_self()``, which on x86 is the thread pointer that the core's notes tell of every thread. So each place
where that value stands may be a thread state. It is one when it has the interpreter that is known, else when its frames hold together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Iterable, Iterator, List, Optional

from .core_file import CoreMemory
from .frames.chain import RawFrame, thread_chain
from .frames.code import read_code
from .frames.image import Image
from .layout.model import LayoutMissing
from .memory import MemoryFault
from .scan import places_of

_MOST_BYTES = 4 << 30
"""Bytes that are searched for all threads together."""
_MOST_FRAMES_ASKED = 8


@dataclass(frozen=True)
class LostThread:
    """A ``PyThreadState *`` and its ``interp``."""

    address: int
    interpreter: int


def lost_threads(core: CoreMemory, image: Image, lwps: Iterable[int], interpreter: Optional[int] = None) -> List[LostThread]:
    """Those of some LWPs, one of each at most; of ``interpreter``, or of that which most belong to, and then only those with frames."""
    if core.machine not in ("x86_64", "i386") or not image.layouts.has("PyThreadState", "thread_id"):
        return []
    segments = [segment for segment in core.segments if segment.writable and segment.dumped]
    left = _MOST_BYTES // max(sum(segment.dumped for segment in segments), 1)
    found: List[LostThread] = []
    for lwp in list(lwps)[: max(left, 1)]:
        pointer = core.thread_pointer(lwp)
        if pointer:
            states = (at - image.layouts.offset("PyThreadState", "thread_id") for at in places_of(core, segments, pointer))
            found.extend(list(_states(image, states, interpreter))[:1])
    if interpreter is None and found:
        common = Counter(each.interpreter for each in found).most_common(1)[0][0]
        found = [each for each in found if each.interpreter == common]
    return found


def _states(image: Image, addresses: Iterable[int], interpreter: Optional[int]) -> Iterator[LostThread]:
    for address in addresses:
        owner = image.optional_pointer(address, "PyThreadState", "interp")
        if owner and owner % image.reader.pointer_size == 0 and (owner == interpreter if interpreter is not None else _has_frames(image, address)):
            yield LostThread(address, owner)


def _has_frames(image: Image, address: int) -> bool:
    """Whether frames begin at the state, and most of the first ones are such by their code: it may be in memory only in part."""
    try:
        frames = thread_chain(image, address, search=False).frames[:_MOST_FRAMES_ASKED]
    except (MemoryFault, LayoutMissing):
        return False
    return bool(frames) and sum(_sound(image, frame) for frame in frames) * 2 > len(frames)


def _sound(image: Image, frame: RawFrame) -> bool:
    code = read_code(image, frame.code)
    if frame.offset is None or code.first_line < 0:
        return False
    # From 3.11 on the frame points at an instruction of its code, which is known by its size; before, the name must be there.
    return code.instructions_size > 0 or bool(code.filename and code.name.isprintable() and code.name != "?")
