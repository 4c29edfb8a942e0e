"""Generators and coroutines that frames on the stacks hold, in a variable or in a ``for`` loop, and that have not ended."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional

from ..frames.chain import Chain, RawFrame
from ..frames.code import read_code
from ..frames.describe import LocalsAllowance, describe_chain
from ..frames.image import Image
from ..frames.local_variables import slots
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .coroutines import await_chain, kind_of, stack_values, standing

_MOST_FRAMES = 200
_MOST_FOUND = 200


def pending_generators(
    image: Image, chains: Mapping[int, Chain], most_frames: int, allowance: LocalsAllowance, seen: "set[int]"
) -> List[Dict[str, Any]]:
    """``Suspended`` entries; ``seen`` holds the objects already told, and grows."""
    found: List[Dict[str, Any]] = []
    for chain in chains.values():
        for frame in chain.frames[:_MOST_FRAMES]:
            for value in _held(image, frame):
                if value in seen or len(found) >= _MOST_FOUND:
                    continue
                seen.add(value)
                entry = _describe(image, value, most_frames, allowance, seen)
                if entry is not None:
                    found.append(entry)
    return found


def _held(image: Image, frame: RawFrame) -> Iterator[int]:
    """Generator-like objects in the frame's variables and value stack."""
    try:
        variables = [value for _, value in slots(image, frame, read_code(image, frame.code))]
    except (MemoryFault, LayoutMissing):
        variables = []
    for value in variables + stack_values(image, frame):
        if value and kind_of(image, value) is not None:
            yield value


def _describe(image: Image, value: int, most_frames: int, allowance: LocalsAllowance, seen: "set[int]") -> Optional[Dict[str, Any]]:
    try:
        state = standing(image, value).state
    except (MemoryFault, LayoutMissing):
        return None
    if state not in ("suspended", "created"):
        return None
    frames, _, passed = await_chain(image, value)
    seen.update(passed)
    return {
        "kind": kind_of(image, value),
        "name": name_of(image, value),
        "state": state,
        "awaited_by": [],
        "frames": suspended_frames(image, frames, most_frames, allowance),
    }


def name_of(image: Image, value: int) -> Optional[str]:
    """``__qualname__`` of a generator-like object; in 2.7 the name of its code."""
    field = "gi_qualname" if image.layouts.has("PyGenObject", "gi_qualname") else "gi_name"
    try:
        return image.trusted_text(image.pointer(value, "PyGenObject", field))
    except (MemoryFault, LayoutMissing):
        return None


def suspended_frames(image: Image, outermost_first: List[RawFrame], most_frames: int, allowance: LocalsAllowance) -> List[Dict[str, Any]]:
    """Frames as the report tells them, innermost first, without the addresses that only the merge needs."""
    described = describe_chain(image, Chain(outermost_first[::-1]), most_frames, allowance)
    for frame in described:
        frame.pop("address", None)
        frame.pop("anchor", None)
        if "entry" in frame:
            frame["entry"] = False
    return described
