"""``facts.waits`` of the answer: one entry for each thread that waits for a lock, a queue, another thread (workers/pipeline/waits.ts)."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Set

from ..frames.chain import Chain
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.namespace import attribute, module_global
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..system_calls import gil_ranges
from ..threads import ThreadState
from .blocked import Blocked, blocked_threads
from .children import running_futures, waits_for_children
from .library import Lifted, described_by, inner_lock, lifted, owner_ident
from .locks import Lock, Locks, handle_range
from .names import name_of
from .with_blocks import entered

_MOST_WAITS = 4096
_OF_C = ("c_mutex", "c_rwlock")
_MOST_FRAMES = 200
_MOST_FRAMES_IN_ALL = 50_000


class _Owner(NamedTuple):
    """``known_by``: ``record`` of the lock itself, or ``with_block`` of a frame."""

    lwp: Optional[int]
    alive: bool
    known_by: str


class _Waits:
    def __init__(self, context: Any) -> None:
        self.context = context
        self.image: Image = context.image
        self.by_lwp: Dict[int, List[ThreadState]] = {}
        for state in context.states:
            if state.lwp is not None:
                self.by_lwp.setdefault(state.lwp, []).append(state)
        self.by_id = {state.thread_id: state for state in context.states if state.thread_id is not None}
        core = context.core
        self.by_pointer = {pointer: lwp for lwp in core.lwps for pointer in [core.thread_pointer(lwp)] if pointer}
        self.locks = Locks(context.core, self.image, set(self.by_id))
        self._inside: Optional[Dict[int, List[int]]] = None
        self._futures: Optional[Dict[int, int]] = None

    def chain(self, lwp: int) -> Chain:
        """Of the thread state with the most to say."""
        chains = [self.context.chains[state.address] for state in self.by_lwp.get(lwp, []) if state.address in self.context.chains]
        return max(chains, key=lambda chain: len(chain.frames), default=Chain([]))

    def told(self, blocked: Blocked) -> Optional[Dict[str, Any]]:
        chain = self.chain(blocked.lwp)
        lock = self._import_lock(blocked) or self.locks.of(blocked)
        primitive = lock.address if lock is not None and lock.type is not None else None
        what = lifted(self.image, chain, primitive)
        if what is None:
            what = self._ended(lock)
        if what is None and lock is None:
            return None
        if what is None and lock is not None and lock.kind == "event":
            return None
        kind = what.kind if what is not None else lock.kind if lock is not None else ""
        address = what.address if what is not None else lock.address if lock is not None else 0
        owner = self._owner(blocked, what, lock)
        name = described_by(self.image, what) if what is not None else None
        if name is None and kind not in _OF_C:
            name = name_of(self.image, chain, what.frames if what is not None else 0, [address], "_semlock" if kind == "process_lock" else None)
            if name is None and owner is not None and owner.lwp is not None:
                name = name_of(self.image, self.chain(owner.lwp), 0, [address])
        return {
            "lwp": blocked.lwp,
            "kind": kind,
            "address": "0x%x" % address,
            "type": self.type_of(address),
            "name": name if name is not None else self._place(address) if kind in _OF_C else None,
            "timed": blocked.timed,
            "taken": lock.taken if lock is not None else None,
            "owner_lwp": owner.lwp if owner is not None else None,
            "owner_gone": owner is not None and not owner.alive,
            "owner_known_by": owner.known_by if owner is not None else None,
        }

    def _import_lock(self, blocked: Blocked) -> Optional[Lock]:
        """Python/import.c up to 3.11: ``static PyThread_type_lock import_lock`` and the ident of the thread that has it."""
        if self.image.version > (3, 11) or not blocked.word:
            return None
        place, holder = self.context.symbol("import_lock"), self.context.symbol("import_lock_thread")
        try:
            if not place or not holder or self.image.reader.pointer(place) != blocked.word:
                return None
            return Lock("import_lock", blocked.word, None, True, self.image.reader.pointer(holder))
        except MemoryFault:
            return None

    def type_of(self, address: int) -> Optional[str]:
        try:
            return self.image.values.type_name(address)
        except (MemoryFault, LayoutMissing):
            return None

    def _owner(self, blocked: Blocked, what: Optional[Lifted], lock: Optional[Lock]) -> Optional[_Owner]:
        ident = owner_ident(self.image, what) if what is not None else lock.owner_id if lock is not None else None
        if ident is not None:
            state = self.by_id.get(ident)
            # A thread of C has no state while it runs no Python; on x86 its ident is its thread pointer.
            lwp = state.lwp if state is not None else self.by_pointer.get(ident)
            return _Owner(lwp, state is not None or lwp is not None or self.context.core.machine not in ("x86_64", "i386"), "record")
        if what is not None and what.kind == "future":
            if self._futures is None:
                self._futures = running_futures(self.image, {each: self.chain(each) for each in self.by_lwp})
            runs = self._futures.get(what.address)
            return _Owner(runs, True, "record") if runs is not None else None
        if what is not None or lock is None:
            return None
        if lock.owner_lwp is not None:
            return _Owner(lock.owner_lwp, lock.owner_lwp in self.context.core.lwps, "record")
        if lock.kind not in ("lock", "process_lock", "rlock") or lock.taken is False:
            return None
        holders = self._holders().get(lock.address, [])
        return _Owner(holders[0], True, "with_block") if len(holders) == 1 else None

    def _holders(self) -> Dict[int, List[int]]:
        """By lock: the threads that are inside a ``with`` of it."""
        if self._inside is None:
            self._inside = {}
            left = _MOST_FRAMES_IN_ALL
            for lwp in self.by_lwp:
                frames = self.chain(lwp).frames[: min(_MOST_FRAMES, left)]
                left -= len(frames)
                held: Set[int] = {inner_lock(self.image, each) for frame in frames for each in entered(self.image, frame)}
                for address in held:
                    self._inside.setdefault(address, []).append(lwp)
        return self._inside

    def _ended(self, lock: Optional[Lock]) -> Optional[Lifted]:
        """A thread whose end is waited for without a frame that names it: by ``threading._shutdown``."""
        if lock is None or lock.kind not in ("lock", "event"):
            return None
        modules = self.context.runtime.main.modules
        active = module_global(self.image, modules, "threading", "_active") if modules else 0
        if not active or not self._shutting_down():
            return None
        nearest, ended = -1, None
        try:
            for _, thread in self.image.values.dict_items(active, _MOST_WAITS):
                if lock.kind == "lock" and attribute(self.image, thread, "_tstate_lock") == lock.address:
                    return Lifted("thread", thread, 1)
                # 3.13, and 3.14 on.
                names = ("_handle", "_os_thread_handle") if lock.kind == "event" else ()
                handle = next((found for name in names for found in [attribute(self.image, thread, name)] if found), 0)
                place = handle_range(self.image, handle) if handle else None
                if place is not None and lock.address in place and place.start > nearest:
                    nearest, ended = place.start, Lifted("thread", thread, 1)
        except (MemoryFault, LayoutMissing):
            pass
        return ended

    def _shutting_down(self) -> bool:
        return any(read_code(self.image, frame.code).name == "_shutdown" for chain in self.context.chains.values() for frame in chain.frames[:1])

    def _place(self, address: int) -> Optional[str]:
        """``libfoo.so+0x40c0`` of a static C variable."""
        for module in self.context.core.modules:
            for image in module.images():
                if image.start <= address < image.end:
                    return "%s+0x%x" % (module.name, address - image.bias)
        return None


def waits(context: Any) -> List[Dict[str, Any]]:
    """Threads that wait for the GIL are told by their system calls, not here."""
    told = _Waits(context)
    gils = gil_ranges(context.image, context.runtime, context.symbol)
    found = []
    for blocked in blocked_threads(context.core, context.crashed_lwp, context.signal_frames)[:_MOST_WAITS]:
        if blocked.word is not None and any(start <= blocked.word < end for start, end in gils):
            continue
        row = told.told(blocked)
        if row is not None:
            found.append(row)
    return found + waits_for_children(told)[: _MOST_WAITS - len(found)]
