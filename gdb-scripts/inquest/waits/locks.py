"""From the word that a thread sleeps on to the lock, and to the owner where the lock itself records one.

* up to 3.13 a ``PyThread_type_lock`` is a ``sem_t *`` (Python/thread_pthread.h): the word is the semaphore's first, and the object (lock,
  RLock, SimpleQueue, a buffered file) holds its address;
* from 3.13 on ``PyMutex`` and ``PyEvent`` park the thread on a semaphore of its own stack; ``struct wait_entry`` (Python/parking_lot.c)
  has the address that it was parked for right before that semaphore;
* a C mutex of glibc (``struct __pthread_mutex_s``) tells the LWP of its owner two words behind the lock, musl's in the lock itself;
* a read-write lock of glibc (``struct __pthread_rwlock_arch_t``, 2.25 on) tells the LWP of its writer; its readers are only counted;
* ``pthread_join`` sleeps on the id of the other thread inside its ``struct pthread``.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.type_info import TypeInfo
from .blocked import Blocked

_LARGEST_OBJECT = 512
_LARGEST_TCB = 8192
_MUTEX_KINDS = 3
_RW_LOCKED = 2
_MUTEX_FLAGS = 0x1FF
_MUSL_WAITERS = 1 << 31
_LONGEST_ENTRY = 128
_HANDLE = 256
LOCKS = ("_thread.lock", "thread.lock")
RLOCKS = ("_thread.RLock",)
SEMLOCK = "_multiprocessing.SemLock"
QUEUES = ("_queue.SimpleQueue", "queue.SimpleQueue")


class Lock(NamedTuple):
    """``kind``: ``lock``, ``rlock``, ``process_lock``, ``queue``, ``object``, ``event``, ``c_mutex``, ``c_rwlock``, ``thread``. ``taken``: it is locked now. ``owner_id``
    is a ``threading.get_ident()``, ``owner_lwp`` a thread of the core or of a process that is gone; neither: no owner is recorded."""

    kind: str
    address: int
    type: Optional[str] = None
    taken: Optional[bool] = None
    owner_id: Optional[int] = None
    owner_lwp: Optional[int] = None


class Locks:
    """Finds locks, and remembers what is no object."""

    def __init__(self, core: Any, image: Optional[Image], thread_ids: "Set[int]") -> None:
        self.core = core
        self.image = image
        self.thread_ids = thread_ids
        self._refuted: "Set[int]" = set()

    def of(self, blocked: Blocked) -> Optional[Lock]:
        """None when nothing proves what the word is."""
        words = [blocked.word] if blocked.word is not None else blocked.hands[:256]
        for word in words:
            if word is None:
                continue
            holder = None
            found = self._parked(word, blocked)
            if found is None:
                holder = self._by_semaphore(word, blocked)
                found = holder if holder is not None and holder.kind != "object" else None
            # What proves itself goes before an object that merely holds the word's address.
            if found is None and blocked.word is not None:
                found = self._joined(word) or self._mutex(word, blocked) or self._rwlock(word, blocked)
            found = found or holder
            if found is not None:
                return found
        return None

    def _type(self, address: int) -> Optional[TypeInfo]:
        if self.image is None or address in self._refuted:
            return None
        try:
            return self.image.values.type_of(address)
        except (MemoryFault, LayoutMissing):
            self._refuted.add(address)
            return None

    def _by_semaphore(self, word: int, blocked: Blocked) -> Optional[Lock]:
        """The object that holds the address of the semaphore; a lock before any other."""
        if self.image is None:
            return None
        reader = self.image.reader
        needle = word.to_bytes(reader.pointer_size, reader.byte_order)  # type: ignore[arg-type]
        other: Optional[Lock] = None
        stack = self._stack(blocked)
        for address in blocked.hands:
            # No object lives on a stack: words of frames may look like one.
            if address in self._refuted or address == word or address in stack:
                continue
            try:
                at = reader.read(address, 64).find(needle)
                at = at if at >= 0 else reader.read(address, 384).find(needle)
            except MemoryFault:
                continue
            if at < 2 * reader.pointer_size or at % reader.pointer_size:
                continue
            info = self._type(address)
            if info is None or not at < info.basicsize <= _LARGEST_OBJECT:
                continue
            found = self._object(address, info, at)
            if found.kind != "object":
                return found
            other = other or found
        return other

    def _stack(self, blocked: Blocked) -> range:
        sp = self.core.sp(blocked.lwp)
        segment = self.core.segment_at(sp) if sp else None
        return range(sp, segment.end) if sp and segment is not None else range(0)

    def _object(self, address: int, info: TypeInfo, at: int) -> Lock:
        assert self.image is not None
        image, word = self.image, self.image.reader.pointer_size
        try:
            if info.full_name in LOCKS:
                locked = image.optional_integer(address, "lockobject", "locked") if image.layouts.has("lockobject", "locked") else None
                return Lock("lock", address, info.full_name, None if locked is None else locked != 0)
            if info.full_name in RLOCKS:
                return Lock("rlock", address, info.full_name, *self._recursive(address))
            if info.full_name == SEMLOCK:
                # SemLockObject: handle, unsigned long last_tid, int count.
                held = image.reader.sint(address + at + 2 * word, 4) > 0
                owner = image.reader.pointer(address + at + word) if held else None
                return Lock("process_lock", address, info.full_name, True, owner if owner in self.thread_ids else None)
            if info.full_name.startswith("_io.Buffered"):
                # buffered: lock, then the owner's ident (Modules/_io/bufferedio.c).
                owner = image.reader.pointer(address + at + word)
                return Lock("object", address, info.full_name, True, owner if owner in self.thread_ids else None)
        except (MemoryFault, LayoutMissing):
            pass
        return Lock("queue" if info.full_name in QUEUES else "object", address, info.full_name)

    def _recursive(self, address: int) -> "tuple[Optional[bool], Optional[int]]":
        """(taken, owner) of a ``rlockobject *``: ``rlock_count`` and ``rlock_owner``; from 3.14 on a ``_PyRecursiveMutex``."""
        assert self.image is not None
        image = self.image
        if image.layouts.has("rlockobject", "rlock_owner"):
            taken = image.integer(address, "rlockobject", "rlock_count") != 0
            owner = image.integer(address, "rlockobject", "rlock_owner", signed=False)
        else:
            taken = bool(image.integer(address, "rlockobject", "lock.mutex._bits", signed=False) & 1)
            owner = image.integer(address, "rlockobject", "lock.thread", signed=False)
        return taken, (owner or None) if taken else None

    def _parked(self, word: int, blocked: Blocked) -> Optional[Lock]:
        """``struct wait_entry``: park_arg, addr, sema, node. The node is linked into a bucket, which links back."""
        if self.image is None or self.image.version < (3, 13):
            return None
        reader = self.image.reader
        size = reader.pointer_size
        try:
            parked = reader.pointer(word - size)
            if not self._linked(word):
                return None
            bits = reader.uint(parked, 1)
        except MemoryFault:
            return None
        for kind, struct, field in (("lock", "lockobject", "lock"), ("rlock", "rlockobject", "lock.mutex")):
            if not self.image.layouts.has(struct, field):
                continue
            address = parked - self.image.layouts.offset(struct, field)
            info = self._type(address) if address % size == 0 else None
            if info is not None and info.full_name in (LOCKS if kind == "lock" else RLOCKS):
                return Lock(kind, address, info.full_name, bool(bits & 1)) if kind == "lock" else self._object(address, info, 0)
        return self._around(parked, blocked) or Lock("event", parked)

    def _linked(self, word: int) -> bool:
        assert self.image is not None
        reader = self.image.reader
        size = reader.pointer_size
        for at in range(16, 64, size):
            node = word + at
            following, before = reader.pointers(node, 2)
            try:
                if following and before and following != node and reader.pointer(following + size) == node and reader.pointer(before) == node:
                    return True
            except MemoryFault:
                continue
        return False

    def _around(self, parked: int, blocked: Blocked) -> Optional[Lock]:
        """An object at hand that the parked-for byte lies in, such as a SimpleQueue or, without the GIL, any that is locked."""
        for address in blocked.hands:
            if not address < parked < address + _LARGEST_OBJECT:
                continue
            info = self._type(address)
            if info is not None and parked < address + info.basicsize and info.full_name != "builtins.type":
                return Lock("queue" if info.full_name in QUEUES else "object", address, info.full_name)
        return None

    def _joined(self, word: int) -> Optional[Lock]:
        """``struct pthread.tid`` of a thread that lives."""
        try:
            lwp = int.from_bytes(self.core.read(word, 4), self.core.byte_order)
        except MemoryFault:
            return None
        pointer = self.core.thread_pointer(lwp) if lwp in self.core.lwps else None
        if pointer is None or not abs(word - pointer) < _LARGEST_TCB:
            return None
        return Lock("thread", pointer, None, True, None, lwp)

    def _mutex(self, word: int, blocked: Blocked) -> Optional[Lock]:
        """glibc: int lock, unsigned count, int owner, unsigned users, int kind. A thread sleeps with lock == 2. musl: owner | waiters."""
        order = self.core.byte_order
        try:
            lock, _, owner, users, kind = (int.from_bytes(self.core.read(word + at, 4), order) for at in range(0, 20, 4))
        except MemoryFault:
            return None
        if lock == 2 and blocked.expected in (2, None) and owner and owner < 1 << 22 and 0 < users < 1 << 20:
            if kind & 0x7F & ~0x10 <= _MUTEX_KINDS and kind <= _MUTEX_FLAGS:
                return Lock("c_mutex", word, None, True, None, owner)
        if lock & _MUSL_WAITERS and lock & ~_MUSL_WAITERS in self.core.lwps and blocked.expected == lock:
            return Lock("c_mutex", word, None, True, None, lock & ~_MUSL_WAITERS)
        return None

    def _rwlock(self, word: int, blocked: Blocked) -> Optional[Lock]:
        """glibc: readers (phase, locked, waiting, then their number), writers, wrphase_futex, writers_futex, two of padding, int cur_writer, int shared.

        Who sleeps has marked the futex as used (2); a reader on wrphase_futex while a writer is in, a writer on either.
        """
        order = self.core.byte_order
        for at in (8, 12):
            base = word - at
            try:
                fields = [int.from_bytes(self.core.read(base + 4 * index, 4), order) for index in range(8)]
            except MemoryFault:
                continue
            readers, writers, phase, writers_word, _, _, writer, shared = fields
            expected = phase if at == 8 else writers_word
            if expected not in (2, 3) or blocked.expected not in (expected, None) or shared > 1 or not writers < 1 << 20 or fields[4] or fields[5]:
                continue
            if phase > 3 or writers_word > 3:
                continue
            if readers & _RW_LOCKED and writer in self.core.lwps:
                return Lock("c_rwlock", base, None, True, None, writer)
            if at == 8 and expected == 2 and writer == 0 and readers & 7 == _RW_LOCKED and 0 < readers >> 3 < 1 << 20:
                return Lock("c_rwlock", base, None, True)
        return None


def handle_range(image: Image, handle: int) -> "Optional[range]":
    """The memory of the ``ThreadHandle`` behind a ``_thread._ThreadHandle`` object (3.13+): its events lie in it."""
    try:
        start = image.reader.pointer(handle + image.layouts.size("PyObject"))
    except (MemoryFault, LayoutMissing):
        return None
    return range(start, start + _HANDLE) if start else None




