"""Every thread state of every interpreter, and the LWP each belongs to.

LWPs are matched by what the core itself proves first: ``pthread_self()`` is the thread pointer register on x86 (both
glibc and musl) and lies a fixed distance below it on aarch64; then ``native_thread_id`` (3.11+, the tid as the process
saw it, so another number inside a container); then the tid that glibc keeps in ``struct pthread``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from .frames.image import Image
from .frames.namespace import attribute, module_global, text
from .layout.model import LayoutMissing
from .memory import MemoryFault

# glibc's struct pthread is about 2.3 KB, its tid within the first 1 KB (0x2d0 on x86_64).
_PTHREAD_SCAN = 1024
_LARGEST_TCB = 8192
_LAST_HOLDER = ("last_holder._value", "last_holder")


@dataclass
class ThreadState:
    """``PyThreadState *`` with ``thread_id`` (``pthread_self()``) and ``native_id`` (3.11+)."""

    address: int
    interpreter_id: int
    interpreter: int
    thread_id: Optional[int]
    native_id: Optional[int]
    lwp: Optional[int] = None
    name: Optional[str] = None


def thread_states(image: Image, runtime: Any, most: int, search: Callable[[int, bool], Iterable[int]] = lambda interpreter, sure: ()) -> Tuple[List[ThreadState], List[str]]:
    """All thread states, and what was wrong with the lists. A state counts only when its ``interp`` points back. ``search`` gives those of an
    interpreter whose list is broken, or empty, that can be found otherwise."""
    found: List[ThreadState] = []
    damage: List[str] = []
    visited: "set[int]" = set()
    for interpreter in runtime.interpreters:
        why = _follow(image, interpreter, interpreter.threads_head, "next", most, visited, found)
        if why is not None:
            damage.append(why)
        elif interpreter.threads_head and not runtime.states:
            continue
        # The list is broken: whom else the runtime names, and their neighbours in both directions.
        for address in (*_named_states(image, runtime, interpreter), *search(interpreter.address, interpreter.threads_head != 0)):
            for direction in ("next", "prev"):
                if image.layouts.has("PyThreadState", direction):
                    visited.discard(address)
                    _follow(image, interpreter, address, direction, most, visited, found)
    unique = {state.address: state for state in found}
    return list(unique.values()), damage


def _follow(image: Image, interpreter: Any, address: int, direction: str, most: int, visited: "set[int]", found: List[ThreadState]) -> Optional[str]:
    """Adds the states of a list from ``address`` on; says why it ended before its end."""
    while address:
        if address in visited:
            return "the list of threads of interpreter %d is cyclic at 0x%x" % (interpreter.id, address)
        if len(found) >= most:
            return "more than %d threads" % most
        visited.add(address)
        try:
            owner = image.pointer(address, "PyThreadState", "interp")
            following = image.pointer(address, "PyThreadState", direction)
        except MemoryFault as fault:
            return "thread state 0x%x of interpreter %d: %s" % (address, interpreter.id, fault)
        if owner != interpreter.address:
            return "thread state 0x%x does not belong to interpreter %d: freed or overwritten" % (address, interpreter.id)
        found.append(_thread_state(image, address, interpreter))
        address = following
    return None


def _named_states(image: Image, runtime: Any, interpreter: Any) -> Iterator[int]:
    """Thread states that other places point to: the main thread's (3.13+) and the holder of the GIL."""
    places = [*runtime.states, _first_pointer(image, interpreter.address, "PyInterpreterState", ("threads.main",))]
    gil = image.optional_pointer(interpreter.address, "PyInterpreterState", "ceval.gil")
    if gil:
        places.append(_first_pointer(image, gil, "_gil_runtime_state", _LAST_HOLDER))
    if runtime.address and image.layouts.has("_PyRuntimeState", "gilstate.tstate_current"):
        places.append(image.optional_pointer(runtime.address, "_PyRuntimeState", "gilstate.tstate_current"))
    for address in places:
        if address and image.optional_pointer(address, "PyThreadState", "interp") == interpreter.address:
            yield address


def _thread_state(image: Image, address: int, interpreter: Any) -> ThreadState:
    thread_id = image.optional_integer(address, "PyThreadState", "thread_id", signed=False)
    native_id = image.optional_integer(address, "PyThreadState", "native_thread_id", signed=False)
    return ThreadState(address, interpreter.id, interpreter.address, thread_id or None, native_id or None)


def match_lwps(image: Image, states: Sequence[ThreadState], lwps: Sequence[int], thread_pointers: Mapping[int, int], machine: str) -> None:
    """Sets ``lwp`` of each state that one fits."""
    by_pointer = _by_thread_pointer(states, thread_pointers, machine)
    known = set(lwps)
    for state in states:
        if state.thread_id is not None and state.thread_id in by_pointer:
            state.lwp = by_pointer[state.thread_id]
        elif state.native_id in known:
            state.lwp = state.native_id
    if any(state.lwp is None for state in states):
        taken = {state.lwp for state in states}
        _scan_pthreads(image, [state for state in states if state.lwp is None], known - taken)


def _by_thread_pointer(states: Sequence[ThreadState], pointers: Mapping[int, int], machine: str) -> Dict[int, int]:
    """``thread_id`` to LWP."""
    if machine in ("x86_64", "i386"):
        return {pointer: lwp for lwp, pointer in pointers.items()}
    # Elsewhere struct pthread lies below the thread pointer, at one distance for all: the one that most threads agree on.
    distances: Counter = Counter()
    ids = {state.thread_id for state in states if state.thread_id}
    for pointer in pointers.values():
        distances.update(pointer - thread_id for thread_id in ids if 0 <= pointer - thread_id <= _LARGEST_TCB)
    if not distances:
        return {}
    distance = distances.most_common(1)[0][0]
    return {pointer - distance: lwp for lwp, pointer in pointers.items()}


def _scan_pthreads(image: Image, states: Sequence[ThreadState], free: "set[int]") -> None:
    """glibc: the tid inside ``struct pthread``, at the offset that fits most of the states."""
    offsets: Counter = Counter()
    blocks: List[Tuple[ThreadState, bytes]] = []
    order = "little" if image.reader.byte_order == "little" else "big"
    for state in states:
        if not state.thread_id:
            continue
        try:
            raw = image.reader.read(state.thread_id, _PTHREAD_SCAN)
        except MemoryFault:
            continue
        blocks.append((state, raw))
        offsets.update(offset for offset in range(0, _PTHREAD_SCAN, 4) if int.from_bytes(raw[offset : offset + 4], order) in free)
    if not offsets:
        return
    best = offsets.most_common(1)[0][0]
    for state, raw in blocks:
        lwp = int.from_bytes(raw[best : best + 4], order)
        if lwp in free:
            state.lwp = lwp


def name_threads(image: Image, interpreters: Iterable[Any], states: Sequence[ThreadState]) -> None:
    """Sets names from ``threading._active`` of each interpreter: a dict from ident to ``Thread``."""
    for interpreter in interpreters:
        names = _active_names(image, interpreter.modules)
        for state in states:
            if state.interpreter == interpreter.address and state.thread_id is not None:
                state.name = names.get(state.thread_id)


def _active_names(image: Image, modules: int) -> Dict[int, str]:
    active = module_global(image, modules, "threading", "_active") if modules else 0
    out: Dict[int, str] = {}
    if not active:
        return out
    attribute_name = "_Thread__name" if image.version[0] == 2 else "_name"
    try:
        for key, thread in image.values.dict_items(active):
            try:
                ident = image.values.long_value(key)
            except (MemoryFault, LayoutMissing):
                continue
            name = text(image, attribute(image, thread, attribute_name))
            if ident is not None and name is not None:
                out[ident & image.reader.address_mask] = name
    except (MemoryFault, LayoutMissing):
        pass
    return out


def gil_holders(image: Image, runtime: Any, states: Sequence[ThreadState], symbol: Callable[[str], Optional[int]]) -> "dict[int, Optional[bool]]":
    """By thread state address: whether it holds its interpreter's GIL; None when it cannot be told.

    ``symbol(name)`` gives an address or None: 2.7 and 3.6 keep the holder in ``_PyThreadState_Current``.
    """
    layouts = image.layouts
    current: Optional[int] = None
    if runtime.states:
        return {state.address: None for state in states}
    if layouts.has("PyInterpreterState", "ceval.gil"):
        return _per_interpreter(image, states)
    if runtime.address and layouts.has("_PyRuntimeState", "gilstate.tstate_current"):
        current = image.optional_pointer(runtime.address, "_PyRuntimeState", "gilstate.tstate_current")
    else:
        place = symbol("_PyThreadState_Current")
        current = image.reader.pointer(place) if place else None
    if current is None:
        return {state.address: None for state in states}
    return {state.address: state.address == current for state in states}


def _per_interpreter(image: Image, states: Sequence[ThreadState]) -> "dict[int, Optional[bool]]":
    """3.12+: ``interp->ceval.gil`` says whether it is locked and who held it last."""
    out: Dict[int, Optional[bool]] = {}
    for state in states:
        gil = image.optional_pointer(state.interpreter, "PyInterpreterState", "ceval.gil")
        enabled = image.optional_integer(gil, "_gil_runtime_state", "enabled") if gil else None
        if not gil or enabled == 0:
            out[state.address] = None
            continue
        locked = _first_integer(image, gil, "_gil_runtime_state", ("locked._value", "locked"))
        holder = _first_pointer(image, gil, "_gil_runtime_state", _LAST_HOLDER)
        out[state.address] = None if locked is None or holder is None else bool(locked == 1 and holder == state.address)
    return out


def _first_integer(image: Image, address: int, struct: str, names: Sequence[str]) -> Optional[int]:
    for name in names:
        if image.layouts.has(struct, name):
            return image.optional_integer(address, struct, name)
    return None


def _first_pointer(image: Image, address: int, struct: str, names: Sequence[str]) -> Optional[int]:
    for name in names:
        if image.layouts.has(struct, name):
            return image.optional_pointer(address, struct, name)
    return None
