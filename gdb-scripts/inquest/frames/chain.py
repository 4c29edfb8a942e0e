"""The chain of a thread's frames, read cheaply: one block of memory for each, no strings.

* up to 3.10 ``PyThreadState.frame`` and ``PyFrameObject.f_back``: each frame is one call of the evaluator;
* 3.11 and 3.12 ``PyThreadState.cframe->current_frame``; 3.13+ ``PyThreadState.current_frame``; then ``previous``.

From 3.12 on the evaluator puts a shim frame on the C stack below the frame it was called for, so a frame whose previous
one is a shim is an entry, and the shim's address ties it to the C stack. In 3.10 and 3.11 the ``_PyCFrame`` does that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import List, Optional, Tuple

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .code import read_code
from .image import TAG_BITS, Image

MOST_FRAMES = 1_000_000
# Bytes of data stack that are searched where the chain is broken, and of one code object.
_MOST_SCANNED = 1 << 22
_LARGEST_CODE = 1 << 24
_OWNED_BY_GENERATOR = 1


@dataclass
class RawFrame:
    """``offset`` is the byte offset of the current instruction; None when it lies outside the code."""

    address: int
    code: int
    offset: Optional[int]
    entry: bool = False
    anchor: Optional[int] = None
    owner: int = 0


@dataclass
class Chain:
    """Innermost first. ``broken`` says why the outer end was not reached."""

    frames: List[RawFrame]
    broken: Optional[str] = None


def thread_chain(image: Image, thread_state: int, search: bool = True) -> Chain:
    """The frames of the ``PyThreadState *``. Raises ``MemoryFault`` only when the thread state itself cannot be read. ``search``: where a link is
    lost, the thread's data stack is searched for the rest, which takes time where the address is only a guess."""
    if image.layouts.has("PyThreadState", "frame"):
        return _frame_objects(image, thread_state)
    if image.layouts.has("PyThreadState", "current_frame"):
        top, cframe = image.pointer(thread_state, "PyThreadState", "current_frame"), 0
        chain = interpreter_frames(image, top)
    else:
        cframe = image.pointer(thread_state, "PyThreadState", "cframe")
        try:
            top = image.pointer(cframe, "_PyCFrame", "current_frame") if cframe else 0
            chain = interpreter_frames(image, top, cframe)
            if not top and not thread_state <= cframe < thread_state + image.layouts.size("PyThreadState"):
                chain.broken = "the cframe holds nothing"
        except MemoryFault as fault:
            chain = Chain([], "the cframe: %s" % fault)
    if chain.broken is not None and search:
        _continue_on_data_stack(image, thread_state, chain)
    return chain


def _continue_on_data_stack(image: Image, thread_state: int, chain: Chain) -> None:
    """Goes on where a link through the C stack was lost (cframes, shims): with the next outer frame on the thread's own data stack."""
    try:
        addresses = data_stack_frames(image, thread_state, _FrameBlock(image))
    except (MemoryFault, LayoutMissing):
        return
    known = {found.address for found in chain.frames}
    rest = [address for address in addresses if address not in known]
    positions = {address: index for index, address in enumerate(addresses)}
    inner = max((positions[address] for address in known if address in positions), default=-1)
    for address in rest:
        if positions[address] < inner or address in known:
            continue
        for found in interpreter_frames(image, address).frames:
            if found.address in known:
                break
            known.add(found.address)
            chain.frames.append(found)


def data_stack_frames(image: Image, thread_state: int, block: "_FrameBlock") -> List[int]:
    """``_PyInterpreterFrame *`` on ``tstate->datastack_chunk`` and the chunks before it (3.11+), the innermost first.

    Told by their contents: a code object, and an instruction inside it. Frames of generators live elsewhere.
    """
    reader, word = image.reader, image.reader.pointer_size
    chunk = image.pointer(thread_state, "PyThreadState", "datastack_chunk")
    top = image.pointer(thread_state, "PyThreadState", "datastack_top")
    found: List[int] = []
    scanned = 0
    visited = set()
    while chunk and chunk not in visited and scanned < _MOST_SCANNED:
        visited.add(chunk)
        # _PyStackChunk: previous, size in bytes, top in words, then data.
        previous, size, used = (reader.pointer(chunk + index * word) for index in range(3))
        start = chunk + 3 * word
        end = top if start <= top <= chunk + size else min(start + used * word, chunk + size)
        size = min(end - start, _MOST_SCANNED - scanned)
        if size <= 0:
            break
        scanned += size
        raw = reader.read(start, size)
        here = [start + at for at in range(0, size - block.size, word) if _looks_like_frame(image, block, raw, at, start + at)]
        found.extend(reversed(here))
        chunk = previous
    return found


def _looks_like_frame(image: Image, block: _FrameBlock, raw: bytes, at: int, address: int) -> bool:
    (code,) = block.word.unpack_from(raw, at + block.code)
    (instruction,) = block.word.unpack_from(raw, at + block.instruction)
    code &= ~TAG_BITS
    if not code or not code < instruction < code + _LARGEST_CODE or raw[at + block.owner] >= shim_owner(image):
        return False
    try:
        found, _, read = block.read(address)
        block.settle(found, read)
        return found.offset is not None and read_code(image, code).intact
    except (MemoryFault, LayoutMissing):
        return False


def _frame_objects(image: Image, thread_state: int) -> Chain:
    """``PyFrameObject`` chain. 3.10 has one ``CFrame`` on the C stack for each evaluator call: the anchors."""
    chain = _follow_back(image, image.pointer(thread_state, "PyThreadState", "frame"))
    for found, anchor in zip(chain.frames, _cframes(image, thread_state)):
        found.anchor = anchor
    return chain


def _follow_back(image: Image, address: int) -> Chain:
    """A ``PyFrameObject *`` up to 3.10 and those that ``f_back`` leads to."""
    chain = Chain([])
    visited = set()
    while address:
        if address in visited or len(chain.frames) >= MOST_FRAMES:
            chain.broken = "the chain of frames is cyclic at 0x%x" % address if address in visited else "more than %d frames" % MOST_FRAMES
            break
        visited.add(address)
        try:
            found = frame_object(image, address)
            back = image.pointer(address, "PyFrameObject", "f_back")
        except MemoryFault as fault:
            chain.broken = "frame at 0x%x: %s" % (address, fault)
            break
        found.entry = True
        chain.frames.append(found)
        address = back
    return chain


def chain_of_frame_object(image: Image, address: int) -> Chain:
    """A ``PyFrameObject *`` of any version and the frames outside it; raises ``MemoryFault`` or ``LayoutMissing``."""
    if image.layouts.has("PyThreadState", "frame"):
        return _follow_back(image, address)
    return interpreter_frames(image, image.pointer(address, "PyFrameObject", "f_frame"))


def frame_object(image: Image, address: int) -> RawFrame:
    """A ``PyFrameObject *`` up to 3.10."""
    offset = image.integer(address, "PyFrameObject", "f_lasti")
    if image.version == (3, 10):
        offset *= 2
    return RawFrame(address, image.pointer(address, "PyFrameObject", "f_code"), offset)


def _cframes(image: Image, thread_state: int) -> List[int]:
    """Addresses of the ``CFrame`` chain, innermost first, without the one inside the thread state."""
    if not image.layouts.has("PyThreadState", "cframe") or not image.layouts.has("_PyCFrame", "previous"):
        return []
    found: List[int] = []
    try:
        address = image.pointer(thread_state, "PyThreadState", "cframe")
        size = image.layouts.size("PyThreadState")
        visited = set()
        while address and address not in visited and not thread_state <= address < thread_state + size and len(found) < MOST_FRAMES:
            visited.add(address)
            found.append(address)
            address = image.pointer(address, "_PyCFrame", "previous")
    except MemoryFault:
        pass
    return found


class _FrameBlock:
    """Reads a ``_PyInterpreterFrame`` in one block."""

    def __init__(self, image: Image) -> None:
        layouts = image.layouts
        name = "_PyInterpreterFrame"
        self.image = image
        self.size = layouts.offset(name, "localsplus")
        prefix = "<" if image.reader.byte_order == "little" else ">"
        self.word = struct.Struct(prefix + ("Q" if image.reader.pointer_size == 8 else "I"))
        self.code = layouts.offset(name, "f_executable" if layouts.has(name, "f_executable") else "f_code")
        self.previous = layouts.offset(name, "previous")
        self.instruction = layouts.offset(name, "instr_ptr" if layouts.has(name, "instr_ptr") else "prev_instr")
        self.owner = layouts.offset(name, "owner")
        self.is_entry = layouts.offset(name, "is_entry") if layouts.has(name, "is_entry") else None
        self.copy_index = layouts.offset(name, "tlbc_index") if layouts.has(name, "tlbc_index") else None
        self.index = struct.Struct(prefix + "i")

    def read(self, address: int) -> Tuple[RawFrame, int, bytes]:
        """The frame, the previous frame's address, and the block."""
        raw = self.image.reader.read(address, self.size)
        code = self.word.unpack_from(raw, self.code)[0] & ~TAG_BITS
        previous = self.word.unpack_from(raw, self.previous)[0]
        found = RawFrame(address, code, self.word.unpack_from(raw, self.instruction)[0], owner=raw[self.owner])
        if self.is_entry is not None:
            found.entry = raw[self.is_entry] != 0
        return found, previous, raw

    def settle(self, found: RawFrame, raw: bytes) -> None:
        """Turns the instruction pointer of ``found`` into an offset."""
        code = read_code(self.image, found.code)
        start = code.instructions
        if self.copy_index is not None:
            start = self._copy(found.code, self.index.unpack_from(raw, self.copy_index)[0], start)
        assert found.offset is not None
        offset = found.offset - start
        found.offset = offset if -2 <= offset <= max(code.instructions_size, 0) else None

    def _copy(self, code: int, index: int, otherwise: int) -> int:
        """Free-threaded 3.14+: each thread may run its own copy of the bytecode, ``co_tlbc->entries[index]``."""
        if index <= 0 or not self.image.layouts.has("PyCodeObject", "co_tlbc"):
            return otherwise
        try:
            table = self.image.pointer(code, "PyCodeObject", "co_tlbc")
            size = self.image.reader.pointer_size
            if not table or index >= self.image.reader.ssize(table):
                return otherwise
            return self.image.reader.pointer(table + size * (1 + index)) or otherwise
        except (MemoryFault, LayoutMissing):
            return otherwise


def interpreter_frame(image: Image, address: int) -> RawFrame:
    """The ``_PyInterpreterFrame`` at ``address`` alone; raises ``MemoryFault`` or ``LayoutMissing``."""
    block = _FrameBlock(image)
    found, _, raw = block.read(address)
    block.settle(found, raw)
    found.entry = False
    return found


def shim_owner(image: Image) -> int:
    """The least ``owner`` of a frame that runs no Python code: FRAME_OWNED_BY_CSTACK, from 3.14 FRAME_OWNED_BY_INTERPRETER."""
    return 3 if image.version >= (3, 12) else 256


def interpreter_frames(image: Image, top: int, cframe: int = 0) -> Chain:
    """The ``_PyInterpreterFrame`` chain from ``top`` outwards; ``cframe`` is that of ``top`` (3.11)."""
    chain = Chain([])
    try:
        block = _FrameBlock(image)
    except LayoutMissing as missing:
        chain.broken = "no layout of %s" % missing
        return chain
    least_shim = shim_owner(image)
    with_shims = image.version >= (3, 12)
    visited = set()
    address = top
    while address:
        if address in visited or len(visited) >= MOST_FRAMES:
            chain.broken = "the chain of frames is cyclic at 0x%x" % address if address in visited else "more than %d frames" % MOST_FRAMES
            break
        visited.add(address)
        try:
            found, previous, raw = block.read(address)
        except MemoryFault as fault:
            chain.broken = "frame at 0x%x: %s" % (address, fault)
            break
        if found.owner < least_shim and not found.code and not previous:
            # A debugger writes zeros where it could not read, gdb 13 for whole stacks of threads.
            chain.broken = "frame at 0x%x: holds nothing" % address
            break
        if found.owner >= least_shim:
            if chain.frames and not chain.frames[-1].entry:
                chain.frames[-1].entry = True
                chain.frames[-1].anchor = address
        else:
            block.settle(found, raw)
            if not with_shims and found.entry:
                found.anchor = cframe or None
                cframe = (image.optional_pointer(cframe, "_PyCFrame", "previous") or 0) if cframe else 0
            if not _hidden(image, found):
                chain.frames.append(found)
        address = previous
    return chain


def _hidden(image: Image, found: RawFrame) -> bool:
    """True for the trampoline below an inlined ``__init__`` (3.12+): a code object without a file, which CPython shows nobody."""
    if found.owner == _OWNED_BY_GENERATOR or image.version < (3, 12):
        return False
    code = read_code(image, found.code)
    if not code.intact:
        return _is_constant(image, found.code)
    begun = found.offset is None or found.offset >= code.first_traceable
    return code.first_traceable > 0 and not begun and code.name in ("<shim>", "__init__") and not code.names


def _is_constant(image: Image, code: int) -> bool:
    """From 3.13 the trampoline's code is a constant of the interpreter's file; every other code object is written to."""
    segment_at = getattr(image.reader.memory, "segment_at", None)
    segment = segment_at(code) if segment_at is not None else None
    return segment is not None and not segment.writable
