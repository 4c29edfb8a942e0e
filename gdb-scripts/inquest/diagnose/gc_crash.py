"""What the collector was at when it crashed: the container, what it visited, the link that led nowhere, and who owns it.

Nothing here depends on symbols. A container counts when the crashed thread had it at hand (a register, a word of its innermost stack)
and its head says that the collector's counting was under way (``heap.gc_lists``); what it visited, when it is damaged and a
register of the fault held it, its type or its head. Whether the crash was the collector's is decided by ``workers/pipeline/diagnose/gc-crash.ts``.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from ..gc_state import gc_state
from ..heap.gc_lists import Broken, GcHeads, GcList, gc_lists, walk
from ..heap.object_state import DAMAGED, describe, state_of
from ..heap.referents import referents, words_of
from ..heap.referrers import Referrers, owner_chain
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .abort_message import abort_message
from .crash_place import crash_place, general_registers
from .debug_blocks import candidates

Found = Tuple[int, Optional[str], Optional[int], Optional[str]]
"""Container, slot, visited object, register."""

_HAVE_GC = 1 << 14
_MOST_WALKED = 1_000_000
_MOST_CANDIDATES = 1_500
_NEAR = 512
_FIRST_PAGE = 4_096
_OWN_ASSERTION = re.compile(r"(Python/gc|Modules/gcmodule)\.c:\d+: \w+: Assertion `")


def gc_crash(context: Any) -> Optional[Dict[str, Any]]:
    """None unless the crashed thread was in a collection's counting, had the broken link of a list in a register, or failed an assertion about one."""
    image = context.image
    heads = GcHeads(image)
    registers, sp, pc = crash_place(context)
    if not heads.usable or not registers or context.core.truncated or not _maybe_collecting(context):
        return None
    lists = gc_lists(image, context.runtime, context.runtime.interpreters, context.symbol)
    told: Dict[str, Any] = {"in_interpreter": _in_interpreter(context, pc), "container": None, "count": None, "visited": None, "slot": None, "register": None}
    told.update({"broken_link": None, "generation": None, "owners": [], "owner_of": None, "allocated_at": None, "objects_searched": 0, "null_traverse": False})
    by_value = {value: name for name, value in general_registers(registers) if value}
    sound, damaged = _containers(context, heads, registers, sp)
    untraversed = next((address for address in sound if pc == 0 and address in by_value and _no_traverse(image, address)), None)
    if untraversed is not None:
        # What was called is nowhere; that the collector called it is proven by the object.
        told.update({"null_traverse": True, "in_interpreter": True})
    found = (untraversed, None, None, by_value[untraversed]) if untraversed is not None else _visited(image, heads, sound, by_value)
    link = None
    if found is None:
        broken: List[Broken] = []
        visited: Set[int] = set()
        for one in lists:
            for _ in walk(heads, one, visited, _MOST_WALKED, broken):
                pass
        # What is no object counts only where a list leads to it.
        reached = ((address, _register_of(image, heads, address, by_value)) for address in damaged if address - heads.size in visited)
        found = next(((address, None, None, register) for address, register in reached if register is not None), None)
        if found is None:
            link = next((each for each in broken if _near_register(each.link, registers)), None)
        if link is not None:
            told["broken_link"] = _broken(context, heads, link, visited)
        elif found is None:
            found = _visited(image, heads, sound, by_value, fault_address(context))
            if found is None and broken and _asserted(context):
                link = broken[0]
                told["broken_link"] = _broken(context, heads, link, visited)
    if found is None:
        if link is None:
            return None
        told["generation"] = link.list.generation
        subject = link.object
    else:
        container, slot, target, register = found
        told["container"] = describe(image, container)
        told["count"] = heads.count_under_way(container - heads.size)
        told["generation"] = _generation(heads, lists)
        subject = container
        if target is not None:
            told.update({"visited": describe(image, target), "slot": slot, "register": register})
        elif register is not None:
            told["register"] = register
    if subject:
        referrers = Referrers(image, context.core, lists)
        told["objects_searched"] = referrers.objects
        told["owner_of"] = "0x%x" % subject
        told["allocated_at"] = context.traces.of_object(subject) if context.traces is not None else None
        told["owners"] = owner_chain(referrers, context.runtime.interpreters, context.chains, subject)
    return told


def _asserted(context: Any) -> bool:
    """Whether an assertion of the collector's own failed: a debug build checks its lists before it counts, and aborts far from them."""
    message = abort_message(context.core)
    return message is not None and _OWN_ASSERTION.search(message["text"]) is not None


def _maybe_collecting(context: Any) -> bool:
    """False where every interpreter says that it is not collecting."""
    states = [gc_state(context.image, context.runtime, interpreter, context.symbol)["collecting"] for interpreter in context.runtime.interpreters]
    return any(state is not False for state in states)


def _no_traverse(image: Any, address: int) -> bool:
    """The type says that the collector may come, and has no ``tp_traverse``."""
    return image.optional_pointer(image.values.access.type_pointer(address), "PyTypeObject", "tp_traverse") == 0


def _in_interpreter(context: Any, pc: Optional[int]) -> Optional[bool]:
    """Whether the faulting code belongs to the module that holds the interpreter."""
    if pc is None or context.runtime.module is None:
        return None
    for module in context.core.modules:
        if any(start <= pc < end for start, end, _ in module.mappings):
            return module.path == context.runtime.module
    return False


def _containers(context: Any, heads: GcHeads, registers: Dict[str, int], sp: Optional[int]) -> Tuple[List[int], List[int]]:
    """What the thread had at hand and whose head holds a count: sound objects, and what is damaged itself."""
    image = context.image
    sound: List[int] = []
    damaged: List[int] = []
    seen: Set[int] = set()
    for value in candidates(context.core, image.reader, [value for _, value in general_registers(registers)], sp)[:_MOST_CANDIDATES]:
        for address in (value, value + heads.size):
            if address in seen:
                continue
            seen.add(address)
            try:
                head = address - heads.size
                if heads.count_under_way(head) is None or heads.next(head) == 0:
                    continue
                heads.next(heads.next(head))
                state = state_of(image, address)
                if state == "whole" and image.values.type_of(address).flags & _HAVE_GC:
                    sound.append(address)
                elif state in DAMAGED:
                    damaged.append(address)
            except (MemoryFault, LayoutMissing):
                continue
    return sound, damaged


def fault_address(context: Any) -> int:
    """``si_addr`` of the fault, from the outermost signal frame where there is one, else from the core's note; -1 where none is told."""
    if context.signal_frames:
        address = (context.signal_frames[-1].get("fault") or {}).get("address")
        return -1 if address is None else int(address, 16)
    raw = context.core.notes.siginfo.get(context.crashed_lwp, b"")
    word = context.image.reader.pointer_size
    # SI_KERNEL (128) comes without an address, codes below 1 are not the kernel's.
    if len(raw) < 24 or not 0 < int.from_bytes(raw[8:12], "little") < 128:
        return -1
    at = 16 if word == 8 else 12
    return int.from_bytes(raw[at : at + word], "little")


def _visited(image: Any, heads: GcHeads, containers: Iterable[int], by_value: Dict[int, str], fault: Optional[int] = None) -> Optional[Found]:
    """The first damaged referent that a register tells of: among the sure ones, or, of a fault at this address, among all words that may be pointers."""
    for container in containers:
        info = image.values.type_of(container)
        for slot, target in referents(image, container, info) if fault is None else words_of(image, container, info):
            register = _register_of(image, heads, target, by_value) if target else None
            if register is None:
                continue
            state = state_of(image, target)
            if state in DAMAGED and (fault is None or _proved(image, target, state, by_value, fault)):
                return container, slot, target, register
    return None


def _proved(image: Any, target: int, state: str, by_value: Dict[int, str], fault: int) -> bool:
    """A word need not be a pointer to an object: filling speaks for itself, else the fault must have been about its type, or about itself."""
    if state in ("freed", "uninitialised", "guard"):
        return True
    if state == "null_type":
        return target in by_value and 0 <= fault < _FIRST_PAGE
    if state in ("unmapped", "misaligned"):
        return target in by_value and _absent(image, target)
    return state == "overwritten" and image.values.access.type_pointer(target) in by_value


def _absent(image: Any, address: int) -> bool:
    """Nothing was mapped there."""
    try:
        image.reader.read(address, 1)
    except MemoryFault as fault:
        return fault.why in ("unmapped", "implausible range")
    return False


def _register_of(image: Any, heads: GcHeads, target: int, by_value: Dict[int, str]) -> Optional[str]:
    """The register that holds the object, its head or its type."""
    for value in (target, target - heads.size):
        if value in by_value:
            return by_value[value]
    try:
        return by_value.get(image.values.access.type_pointer(target))
    except MemoryFault:
        return None


def _near_register(link: int, registers: Dict[str, int]) -> bool:
    """The link itself with its flags, or a field behind it."""
    return any(link <= value < link + 64 for _, value in general_registers(registers) if value)


def _broken(context: Any, heads: GcHeads, link: Broken, visited: Set[int]) -> Dict[str, Any]:
    image = context.image
    size = image.reader.pointer_size
    raw = link.link.to_bytes(size, "little")
    printable = all(0x20 <= byte < 0x7F for byte in raw[1:])
    before = max((head for head in visited if link.object and head < link.object - heads.size), default=None)
    near = before is not None and link.object - before < _NEAR
    return {
        "list": link.list.name,
        "object": describe(image, link.object) if link.object else None,
        "link": "0x%x" % link.link,
        "looks_like_text": printable,
        "before": describe(image, before + heads.size) if before is not None and near else None,
    }


def _generation(heads: GcHeads, lists: List[GcList]) -> Optional[int]:
    """That whose first objects are being counted."""
    for one in lists:
        node = one.base
        for _ in range(8):
            try:
                node = heads.next(node)
                if node == one.base:
                    break
                if heads.count_under_way(node) is not None:
                    return one.generation
            except (MemoryFault, LayoutMissing):
                break
    return None
