"""Whom asyncio's own coroutines wait for: what ``wait``, ``wait_for`` and task groups keep in their variables."""

from __future__ import annotations

from typing import List, Sequence

from ..frames.chain import RawFrame
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.local_variables import slots
from ..frames.namespace import attribute
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_MOST_MEMBERS = 1_000
# (end of the file's name, function): the variable, and the attribute of it that holds the tasks.
_KEPT = {
    ("asyncio/tasks.py", "_wait"): ("fs", None),
    ("asyncio/tasks.py", "wait_for"): ("fut", None),
    ("asyncio/taskgroups.py", "__aexit__"): ("self", "_tasks"),
    ("asyncio/taskgroups.py", "_aexit"): ("self", "_tasks"),
}


def held_by_asyncio(image: Image, frames: Sequence[RawFrame]) -> List[int]:
    """The futures and tasks that the await chain ``frames`` waits for by way of asyncio's coroutines."""
    found: List[int] = []
    for frame in frames:
        code = read_code(image, frame.code)
        for (file, function), (variable, name) in _KEPT.items():
            if code.name == function and (code.filename or "").endswith(file):
                found += _members(image, _variable(image, frame, variable), name)
    return found


def _variable(image: Image, frame: RawFrame, wanted: str) -> int:
    try:
        return next((value for name, value in slots(image, frame, read_code(image, frame.code)) if name == wanted), 0)
    except (MemoryFault, LayoutMissing):
        return 0


def _members(image: Image, value: int, name: "str | None") -> List[int]:
    """A set's elements, a list's items, or the object itself."""
    value = attribute(image, value, name) if value and name else value
    if not value:
        return []
    try:
        kind = image.values.type_name(value)
        if kind in ("set", "frozenset"):
            return image.values.set_items(value, _MOST_MEMBERS)
        return image.values.list_items(value, _MOST_MEMBERS) if kind == "list" else [value]
    except (MemoryFault, LayoutMissing):
        return []
