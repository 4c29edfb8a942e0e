"""The line at which a frame object stands."""

from __future__ import annotations

from typing import Optional

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .chain import frame_object, interpreter_frame
from .code import place, read_code
from .image import Image


def line_of_frame(image: Image, address: int) -> Optional[int]:
    """``PyFrameObject.f_lineno`` as Python code sees it: of the instruction that runs, or of the definition before the first one ran.
    None where it cannot be told."""
    try:
        if image.layouts.has("PyFrameObject", "f_frame"):
            frame = interpreter_frame(image, image.pointer(address, "PyFrameObject", "f_frame"))
        else:
            frame = frame_object(image, address)
        code = read_code(image, frame.code)
        if frame.offset is None:
            return None
        return place(image, code, frame.offset).line if frame.offset >= 0 else code.first_line
    except (MemoryFault, LayoutMissing):
        return None
