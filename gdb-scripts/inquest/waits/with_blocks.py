"""Which objects a frame is inside a ``with`` of: those whose ``__exit__`` waits on the frame's value stack for the block to end.

Only slots that are certain to be live count, since popped ones keep what was in them. Up to 3.10 the frame's own blocks
(``PyTryBlock.b_level``) tell how deep the stack is at least; from 3.11 on the exception table of the code does for the current instruction
(Objects/exception_handling_notes.txt). Both begin after ``__enter__`` has returned, so a thread that waits in it is not yet inside.
"""

from __future__ import annotations

from typing import Iterator, List, Optional

from ..frames.chain import RawFrame
from ..frames.code import read_code
from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_MOST_BLOCKS = 20
_DEEPEST = 1024


def entered(image: Image, frame: RawFrame) -> List[int]:
    """Addresses of the objects, the outermost first; raises nothing."""
    try:
        old = image.layouts.has("PyThreadState", "frame")
        depth = _block_depth(image, frame) if old else _table_depth(image, frame)
        if not 0 < depth <= _DEEPEST:
            return []
        if old:
            start = image.pointer(frame.address, "PyFrameObject", "f_valuestack")
        else:
            places = len(read_code(image, frame.code).kinds)
            start = frame.address + image.layouts.offset("_PyInterpreterFrame", "localsplus") + places * image.reader.pointer_size
        return list(_selves(image, image.reader.pointers(start, depth)))
    except (MemoryFault, LayoutMissing):
        return []


def _selves(image: Image, slots: List[int]) -> Iterator[int]:
    """The objects that ``__exit__`` is bound to; from 3.14 on they stand beside it by themselves."""
    for slot in slots:
        value = image.object_pointer(slot)
        if not value:
            continue
        try:
            name = image.values.type_name(value)
            if name in ("builtin_function_or_method", "builtin_method"):
                yield image.pointer(value, "PyCFunctionObject", "m_self")
            elif name in ("method", "instancemethod"):
                yield image.pointer(value, "PyMethodObject", "im_self")
            elif image.version >= (3, 14):
                yield value
        except (MemoryFault, LayoutMissing):
            continue


def _block_depth(image: Image, frame: RawFrame) -> int:
    count = image.integer(frame.address, "PyFrameObject", "f_iblock")
    if not 0 < count <= _MOST_BLOCKS:
        return 0
    blocks = frame.address + image.layouts.offset("PyFrameObject", "f_blockstack")
    return image.integer(blocks + (count - 1) * image.layouts.size("PyTryBlock"), "PyTryBlock", "b_level")


def _table_depth(image: Image, frame: RawFrame) -> int:
    if frame.offset is None:
        return 0
    cache = image.caches.setdefault("exception_tables", {})
    table: Optional[bytes] = cache.get(frame.code)
    if table is None:
        table = cache[frame.code] = image.trusted_bytes(image.pointer(frame.code, "PyCodeObject", "co_exceptiontable"))
    return depth_at(table, frame.offset // 2)


def depth_at(table: bytes, unit: int) -> int:
    """The depth of the value stack that the handler of the instruction at a code unit keeps; 0 without a handler."""
    numbers: List[int] = []
    value = 0
    for byte in table:
        value = value << 6 | byte & 0x3F
        if byte & 0x40:
            continue
        numbers.append(value)
        value = 0
        if len(numbers) == 4:
            start, length, _, depth = numbers
            if start <= unit < start + length:
                return depth >> 1
            numbers = []
    return 0
