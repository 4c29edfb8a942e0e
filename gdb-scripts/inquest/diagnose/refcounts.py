"""Objects of the crashed thread that were given back once too often: something still refers to them, and their memory or their count says so.

Three proofs, none of which needs a symbol. A local variable holds a reference of its own, so what it refers to is neither freed nor without
references (``heap.release_state``), and has at least as many references as variables hold. And what a register of the fault or the innermost stack
points to counts where a container that is tracked still refers to it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..frames.chain import Chain, RawFrame
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.local_variables import slots_and_cells
from ..heap.gc_lists import gc_lists
from ..heap.object_state import describe
from ..heap.places import stands_in_heap
from ..heap.referrers import Referrers, owner_chain
from ..heap.release_state import reference_count, release_state
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .crash_place import crash_place, general_registers
from .debug_blocks import candidates, hooks_on

_MOST_FRAMES = 200
_MOST_OBJECTS = 4
_MOST_AT_HAND = 64
_MOST_SEARCHED = 4


class Variable(NamedTuple):
    """A slot of a frame; ``frame``: 0 is the crashed thread's innermost, None another thread's. ``owned``: it has a reference of its own."""

    name: str
    function: str
    frame: Optional[int]
    value: int
    owned: bool


def refcounts(context: Any) -> Optional[List[Dict[str, Any]]]:
    """Of each object what ``describe`` tells, and ``reason``, ``variable``, ``function``, ``frame``, ``counted``, ``register``, ``owners``; None: all is well."""
    image: Image = context.image
    hooks = hooks_on(context)
    registers, sp, _ = crash_place(context)
    by_value = {value: name for name, value in general_registers(registers) if value}
    found: List[Dict[str, Any]] = []
    seen: Set[int] = set()
    for variable, reason, counted in _of_variables(image, _variables(context), hooks):
        if variable.value not in seen and len(found) < _MOST_OBJECTS:
            seen.add(variable.value)
            found.append({**_told(image, variable.value, reason, by_value), "counted": counted})
            found[-1].update({"variable": variable.name, "function": variable.function, "frame": variable.frame})
    at_hand = [value for value in candidates(context.core, image.reader, list(by_value), sp)[:_MOST_AT_HAND] if value not in seen]
    suspects = [(value, reason) for value, reason in ((value, _state(image, value, hooks)) for value in at_hand) if reason is not None]
    # A stack is full of what was freed by rights; all objects are walked only for what something in the heap still refers to.
    suspects = [] if found else [each for each in suspects[:_MOST_SEARCHED] if stands_in_heap(context.core, each[0], sp)]
    if suspects:
        referrers = Referrers(image, context.core, gc_lists(image, context.runtime, context.runtime.interpreters, context.symbol))
        for value, reason in suspects:
            owners = owner_chain(referrers, context.runtime.interpreters, context.chains, value)
            # A nameless word need not be a reference, and a weak one is none.
            if owners and owners[0]["type"] is not None and not owners[0]["where"].startswith("the word"):
                found.append({**_told(image, value, reason, by_value), "owners": owners})
    return found or None


def _told(image: Image, value: int, reason: str, by_value: Dict[int, str]) -> Dict[str, Any]:
    told = {**describe(image, value), "reason": reason, "register": _register(image, value, by_value), "owners": []}
    told.update({"variable": None, "function": None, "frame": None, "counted": None})
    return told


def _register(image: Image, value: int, by_value: Dict[int, str]) -> Optional[str]:
    """That holds the object, or what stands where its type was: the type itself says nothing, others have it too."""
    if value in by_value:
        return by_value[value]
    try:
        kind = image.values.access.type_pointer(value)
        image.values.types.flags(kind)
        return None
    except MemoryFault:
        pass
    try:
        return by_value.get(image.values.access.type_pointer(value))
    except MemoryFault:
        return None


def _state(image: Image, value: int, hooks: Optional[bool]) -> Optional[str]:
    try:
        return release_state(image, value, hooks)
    except (MemoryFault, LayoutMissing):
        return None


def _of_variables(image: Image, variables: List[Variable], hooks: Optional[bool]) -> Iterator[Tuple[Variable, str, Optional[int]]]:
    """Those of the crashed thread, with the reason; and by how many variables the object is held where that is the proof."""
    held: Dict[int, int] = {}
    for variable in variables:
        held[variable.value] = held.get(variable.value, 0) + (1 if variable.owned else 0)
    for variable in variables:
        if variable.frame is None:
            continue
        reason = _state(image, variable.value, hooks)
        # 3.11.0 gives a returning function's variables back before its frame is left (gh-99729): what they name may be gone by rights.
        if reason in ("no_references", "free_block") and image.version == (3, 11):
            continue
        if reason is not None:
            yield variable, reason, None
            continue
        count = reference_count(image, variable.value)
        if count is not None and 0 < count < held[variable.value] and _is_whole(image, variable.value):
            yield variable, "too_few", held[variable.value]


def _is_whole(image: Image, value: int) -> bool:
    try:
        image.values.types.flags(image.values.access.type_pointer(value))
        return True
    except MemoryFault:
        return False


def _variables(context: Any) -> List[Variable]:
    """The crashed thread's frames, innermost first, then the others'."""
    found: List[Variable] = []
    cells: Set[int] = set()
    left = _MOST_FRAMES
    states = sorted(context.states, key=lambda state: state.lwp != context.crashed_lwp)
    for state in states:
        chain: Optional[Chain] = context.chains.get(state.address)
        crashed = state.lwp == context.crashed_lwp and context.crashed_lwp is not None
        for index, frame in enumerate(chain.frames[:left] if chain is not None else []):
            left -= 1
            try:
                found.extend(_of_frame(context.image, frame, index if crashed else None, cells))
            except (MemoryFault, LayoutMissing):
                continue
    return found


def _of_frame(image: Image, frame: RawFrame, index: Optional[int], cells: Set[int]) -> Iterator[Variable]:
    """What a cell holds is told once, however many functions share it."""
    code = read_code(image, frame.code)
    for name, cell, value, owned in slots_and_cells(image, frame, code):
        if not cell or cell not in cells:
            yield Variable(name, code.name, index, value, owned)
        if cell:
            cells.add(cell)
