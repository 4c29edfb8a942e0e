"""The local variables of a frame: fast locals, cells and free variables, or the namespace of a class body or module."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.limits import ReprLimits
from ..objects.values import DEFAULT_LIMITS
from .chain import RawFrame
from .code import CO_OPTIMIZED, KIND_CELL, KIND_FREE, Code
from .image import TAG_BITS, Image
from .namespace import named_items

MOST_LOCALS = 100
_MOST_KNOWN = 20_000


def local_variables(image: Image, frame: RawFrame, code: Code, limits: ReprLimits = DEFAULT_LIMITS) -> Tuple[List[Dict[str, Any]], bool]:
    """``[{name, type, repr, truncated}]`` in the order of the code object, and whether all could be read.

    Names without a value (not yet bound, deleted) are left out, as ``locals()`` does.
    """
    found: List[Dict[str, Any]] = []
    whole = True
    seen = set()
    try:
        for name, value in slots(image, frame, code):
            if len(found) >= MOST_LOCALS:
                break
            seen.add(name)
            found.append(_described(image, name, value, limits))
    except (MemoryFault, LayoutMissing):
        whole = False
    if code.flags & CO_OPTIMIZED:
        return found, whole
    try:
        for name, value in _namespace(image, frame):
            if len(found) >= MOST_LOCALS:
                break
            if name not in seen:
                found.append(_described(image, name, value, limits))
    except (MemoryFault, LayoutMissing):
        whole = False
    return found, whole


def _described(image: Image, name: str, value: int, limits: ReprLimits) -> Dict[str, Any]:
    """Described once for each object and each set of limits: frames pass the same objects on."""
    known = image.caches.setdefault("reprs", {})
    found = known.get((value, limits))
    if found is None:
        found = image.values.repr(value, limits)
        if len(known) < _MOST_KNOWN:
            known[value, limits] = found
    return {"name": name, "type": found.type, "repr": found.text, "truncated": found.truncated}


def slots(image: Image, frame: RawFrame, code: Code) -> Iterator[Tuple[str, int]]:
    """(name, ``PyObject *``) of each bound slot of ``f_localsplus``; cells are followed."""
    for name, _, value, _ in slots_and_cells(image, frame, code):
        yield name, value


def slots_and_cells(image: Image, frame: RawFrame, code: Code) -> Iterator[Tuple[str, int, int, bool]]:
    """(name, cell or 0, ``PyObject *``, owned) of each bound slot; from 3.14 on, a tag says that a slot has no reference of its own."""
    struct = "PyFrameObject" if image.layouts.has("PyThreadState", "frame") else "_PyInterpreterFrame"
    field_name = "f_localsplus" if struct == "PyFrameObject" else "localsplus"
    start = frame.address + image.layouts.offset(struct, field_name)
    raw = image.reader.pointers(start, min(len(code.names), 4096)) if code.names else []
    for name, kind, bits in zip(code.names, code.kinds, raw):
        value, cell = image.object_pointer(bits), 0
        if value and kind & (KIND_CELL | KIND_FREE) and _is_cell(image, value):
            cell, value = value, image.optional_pointer(value, "PyCellObject", "ob_ref") or 0
        if value:
            yield name, cell, value, bool(cell) or not bits & TAG_BITS


def _is_cell(image: Image, value: int) -> bool:
    """Up to 3.10 these slots hold cells only; from 3.11 an argument becomes a cell when its MAKE_CELL has run."""
    if image.version < (3, 11):
        return True
    try:
        return image.values.type_name(value) == "cell"
    except (MemoryFault, LayoutMissing):
        return False


def _namespace(image: Image, frame: RawFrame) -> Iterator[Tuple[str, int]]:
    """The dict of ``f_locals`` without its ``__dunder__`` names; nothing for another mapping."""
    struct = "PyFrameObject" if image.layouts.has("PyThreadState", "frame") else "_PyInterpreterFrame"
    namespace = image.object_pointer(image.pointer(frame.address, struct, "f_locals"))
    if not namespace:
        return
    for name, value in named_items(image, namespace):
        if not (name.startswith("__") and name.endswith("__")):
            yield name, value
