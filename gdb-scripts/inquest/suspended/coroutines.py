"""Generators, coroutines and async generators: their frame, their state, and what they wait for.

``PyGenObject``, ``PyCoroObject`` and ``PyAsyncGenObject`` begin alike (``_PyGenObject_HEAD``, Include/cpython/genobject.h).
What one waits for is ``_PyGen_yf`` of Objects/genobject.c: on top of its value stack while it stands in a ``yield from`` or ``await``.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from ..frames.chain import RawFrame, frame_object, interpreter_frame
from ..frames.code import read_code
from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

KINDS = {"generator": "generator", "coroutine": "coroutine", "async_generator": "async_generator"}
_DEEPEST_AWAIT = 10_000
_YIELD_FROM = 72  # 3.6 to 3.10
# Wrappers of Objects/genobject.c and Modules/_asynciomodule.c, and the field that leads on.
_WRAPPERS = {
    "coroutine_wrapper": ("PyCoroWrapper", "cw_coroutine"),
    "async_generator_asend": ("PyAsyncGenASend", "ags_gen"),
    "async_generator_athrow": ("PyAsyncGenAThrow", "agt_gen"),
    "_asyncio.FutureIter": ("futureiterobject", "future"),
}


class Standing(NamedTuple):
    """Where a generator-like object stands: ``state`` is ``created``, ``suspended``, ``running`` or ``finished``."""

    state: str
    frame: Optional[RawFrame]


def type_name(image: Image, value: int) -> str:
    """The full name of an object's type; empty when it cannot be read."""
    try:
        return image.values.type_name(value)
    except (MemoryFault, LayoutMissing):
        return ""


def kind_of(image: Image, value: int) -> Optional[str]:
    """``generator``, ``coroutine`` or ``async_generator``; None for anything else."""
    return KINDS.get(type_name(image, value)) if value else None


def standing(image: Image, generator: int) -> Standing:
    """The state and frame of a generator-like object. Raises ``MemoryFault`` when it cannot be read."""
    if not image.layouts.has("PyGenObject", "gi_iframe"):
        return _standing_of_frame_object(image, generator)
    state = image.integer(generator, "PyGenObject", "gi_frame_state")
    constant = image.layouts.constants.get
    if state >= constant("FRAME_CLEARED", 4) or state == constant("FRAME_COMPLETED"):
        return Standing("finished", None)
    frame = interpreter_frame(image, generator + image.layouts.offset("PyGenObject", "gi_iframe"))
    if state == constant("FRAME_EXECUTING", 0):
        return Standing("running", frame)
    return Standing("created" if state == constant("FRAME_CREATED") else "suspended", frame)


def _standing_of_frame_object(image: Image, generator: int) -> Standing:
    """Up to 3.10: ``gi_frame`` is a ``PyFrameObject *``, NULL when the generator has ended."""
    address = image.pointer(generator, "PyGenObject", "gi_frame")
    if not address:
        return Standing("finished", None)
    frame = frame_object(image, address)
    if image.layouts.has("PyGenObject", "gi_running"):
        running = image.integer(generator, "PyGenObject", "gi_running") != 0
    else:
        running = image.integer(address, "PyFrameObject", "f_state") == 0
    created = frame.offset is not None and frame.offset < 0
    return Standing("running" if running else "created" if created else "suspended", frame)


def awaited(image: Image, generator: int) -> int:
    """The object that a suspended generator-like object delegates to; 0 when it is at a plain ``yield``."""
    try:
        if image.layouts.has("PyGenObject", "gi_iframe"):
            return _awaited_of_inner_frame(image, generator)
        return _awaited_of_frame_object(image, generator)
    except (MemoryFault, LayoutMissing):
        return 0


def _awaited_of_inner_frame(image: Image, generator: int) -> int:
    constants = image.layouts.constants
    state = image.integer(generator, "PyGenObject", "gi_frame_state")
    frame = generator + image.layouts.offset("PyGenObject", "gi_iframe")
    if "FRAME_SUSPENDED_YIELD_FROM" in constants:
        if state not in (constants["FRAME_SUSPENDED_YIELD_FROM"], constants.get("FRAME_SUSPENDED_YIELD_FROM_LOCKED")):
            return 0
    elif state != constants.get("FRAME_SUSPENDED", -1) or not _stands_at_await(image, frame):
        return 0
    return _stack_top(image, frame)


def _stands_at_await(image: Image, frame: int) -> bool:
    """3.11 and 3.12: the compiler puts a RESUME behind each ``yield``, whose argument tells ``yield from`` (2) and ``await`` (3).

    Code that ran a few times has a faster form of it, with a number that differs between patch releases.
    """
    following = image.pointer(frame, "_PyInterpreterFrame", "prev_instr") + 2
    return image.reader.read(following, 2)[1] & 3 >= 2


def _stack_top(image: Image, frame: int) -> int:
    """The uppermost object of the value stack; from 3.15 a null or a tagged index may lie above what is delegated to."""
    size = image.reader.pointer_size
    if image.layouts.has("_PyInterpreterFrame", "stackpointer"):
        end = image.pointer(frame, "_PyInterpreterFrame", "stackpointer")
    else:
        depth = image.integer(frame, "_PyInterpreterFrame", "stacktop")
        if not 0 < depth < 1 << 20:
            return 0
        end = frame + image.layouts.offset("_PyInterpreterFrame", "localsplus") + size * depth
    upper, top = image.reader.pointers(end - 2 * size, 2)
    return image.object_pointer(top) or (image.object_pointer(upper) if image.version >= (3, 15) else 0)


def _awaited_of_frame_object(image: Image, generator: int) -> int:
    """3.6 to 3.10: the instruction after ``f_lasti`` is YIELD_FROM."""
    address = image.pointer(generator, "PyGenObject", "gi_frame")
    if not address or image.version[0] == 2:
        return 0
    frame = frame_object(image, address)
    if frame.offset is None or frame.offset < 0:
        return 0
    instructions = image.trusted_bytes(image.pointer(frame.code, "PyCodeObject", "co_code"))
    if instructions[frame.offset + 2 : frame.offset + 3] != bytes([_YIELD_FROM]):
        return 0
    size = image.reader.pointer_size
    if image.layouts.has("PyFrameObject", "f_stackdepth"):
        depth = image.integer(address, "PyFrameObject", "f_stackdepth")
        top = image.pointer(address, "PyFrameObject", "f_valuestack") + size * depth if 0 < depth < 1 << 20 else 0
    else:
        top = image.pointer(address, "PyFrameObject", "f_stacktop")
    return image.reader.pointer(top - size) if top else 0


def await_chain(image: Image, start: int) -> Tuple[List[RawFrame], int, List[int]]:
    """From a coroutine down what it awaits: (frames, outermost first; the last object, which is none of ours, or 0; the objects passed)."""
    frames: List[RawFrame] = []
    passed: List[int] = []
    value = start
    while value and value not in passed and len(passed) < _DEEPEST_AWAIT:
        wrapper = _WRAPPERS.get(type_name(image, value))
        if wrapper is not None:
            passed.append(value)
            following = image.optional_pointer(value, *wrapper) or 0
            if wrapper[0] == "futureiterobject":
                return frames, following, passed
            value = following
            continue
        if kind_of(image, value) is None:
            following = _behind_unnamed(image, value)
            if not following:
                return frames, value, passed
            passed.append(value)
            value = following
            continue
        passed.append(value)
        try:
            found = standing(image, value)
        except (MemoryFault, LayoutMissing):
            break
        if found.frame is not None:
            frames.append(found.frame)
        value = awaited(image, value)
    return frames, 0, passed


def _behind_unnamed(image: Image, value: int) -> int:
    """Where the interpreter's file is missing the wrappers have no name, but all of them begin with what they wrap."""
    if type_name(image, value):
        return 0
    try:
        first = image.reader.pointer(value + image.layouts.size("PyObject"))
    except (MemoryFault, LayoutMissing):
        return 0
    return first if first and kind_of(image, first) is not None else 0


def stack_values(image: Image, frame: RawFrame) -> List[int]:
    """What the slots of a frame's value stack hold: candidates only, since a running frame does not always tell its depth."""
    code = read_code(image, frame.code)
    size = image.optional_integer(frame.code, "PyCodeObject", "co_stacksize") or 0
    old = image.layouts.has("PyThreadState", "frame")
    struct, name = ("PyFrameObject", "f_localsplus") if old else ("_PyInterpreterFrame", "localsplus")
    try:
        start = frame.address + image.layouts.offset(struct, name) + image.reader.pointer_size * len(code.names)
        return [image.object_pointer(value) for value in image.reader.pointers(start, max(0, min(size, 64)))]
    except (MemoryFault, LayoutMissing):
        return []
