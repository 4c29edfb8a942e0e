"""What the standard library made of a lock: the Condition, Event, queue, join or module lock in whose method the thread waits.

Told by the innermost Python frames: a method of that name whose ``self`` is an instance of that class. The outermost of such frames in a
row is what the program asked for: ``queue.get`` waits in a Condition, which waits for a lock of its own.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ..frames.chain import Chain, RawFrame
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.local_variables import slots
from ..frames.namespace import attribute, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_DEEPEST = 8

# By (method, class) to the kind. 2.7 has other classes for some.
_METHODS: Dict[Tuple[str, str], str] = {}
for _kind, _classes, _methods in (
    ("condition", "threading.Condition threading._Condition", "wait wait_for"),
    ("event", "threading.Event threading._Event", "wait"),
    ("semaphore", "threading.Semaphore threading._Semaphore", "acquire __enter__"),
    ("barrier", "threading.Barrier", "wait _wait _enter"),
    ("thread", "threading.Thread", "join _wait_for_tstate_lock"),
    ("queue", "queue.Queue Queue.Queue", "get put join"),
    ("queue", "multiprocessing.queues.Queue multiprocessing.queues.SimpleQueue", "get put"),
    ("future", "concurrent.futures._base.Future", "result exception"),
    ("future", "multiprocessing.pool.ApplyResult", "wait get"),
    ("rlock", "threading._RLock", "acquire"),
    ("process", "subprocess.Popen", "wait _wait _try_wait communicate _communicate"),
    ("process", "multiprocessing.process.BaseProcess multiprocessing.process.Process", "join"),
    ("process", "multiprocessing.popen_fork.Popen multiprocessing.forking.Popen", "wait poll"),
    ("descriptor", "multiprocessing.connection.Connection", "_recv _recv_bytes recv_bytes recv"),
    ("import_lock", "importlib._bootstrap._ModuleLock _frozen_importlib._ModuleLock", "acquire"),
):
    for _class in _classes.split():
        for _method in _methods.split():
            _METHODS[_method, _class] = _kind
_NAMES = frozenset(name for name, _ in _METHODS)
# Frames between those above that say nothing by themselves.
_BETWEEN = frozenset(("__enter__", "__exit__", "_acquire_restore", "_acquireLock", "acquireLock"))

# Plain functions in front of them: subprocess of 2.7.
_INNERMOST = frozenset(("_eintr_retry_call",))


class Lifted(NamedTuple):
    """``kind``, the object, and how many of the innermost frames belong to it."""

    kind: str
    address: int
    frames: int


def lifted(image: Image, chain: Chain, primitive: Optional[int]) -> Optional[Lifted]:
    """What a thread waits for whose innermost frame is the library's; ``primitive`` is the lock that it sleeps on, where that is known."""
    found: Optional[Lifted] = None
    for index, frame in enumerate(chain.frames[:_DEEPEST]):
        code = read_code(image, frame.code)
        if code.name in _NAMES:
            receiver = receiver_of(image, frame)
            kind = _kind_of(image, code.name, receiver)
            if kind == "condition" and found is None and code.name == "wait" and not _waits_for_waiter(image, frame, primitive):
                return None
            if kind is not None:
                found = Lifted(kind, receiver, index + 1)
                continue
        if (found is None or code.name not in _BETWEEN) and not (index == 0 and code.name in _INNERMOST):
            break
    return found


def receiver_of(image: Image, frame: RawFrame) -> int:
    """``self``, be it a plain variable or a cell; 0 when there is none."""
    try:
        return next((value for name, value in slots(image, frame, read_code(image, frame.code)) if name == "self"), 0)
    except (MemoryFault, LayoutMissing):
        return 0


def _kind_of(image: Image, method: str, receiver: int) -> Optional[str]:
    if not receiver:
        return None
    try:
        names = class_names(image, receiver)
    except (MemoryFault, LayoutMissing):
        return None
    return next((_METHODS[method, name] for name in names if (method, name) in _METHODS), None)


def class_names(image: Image, instance: int) -> Tuple[str, ...]:
    """Full names of an instance's classes along the MRO; of a classic class (2.7) ``module.name`` of each."""
    info = image.values.type_of(instance)
    if image.version[0] == 2 and info.full_name == "instance":
        return tuple(_classic_names(image, image.pointer(instance, "PyInstanceObject", "in_class"), 8))
    return info.mro_names


def _classic_names(image: Image, cls: int, depth: int) -> List[str]:
    if depth <= 0:
        return []
    namespace = image.pointer(cls, "PyClassObject", "cl_dict")
    module = image.values.dict_get(namespace, "__module__")
    names = ["%s.%s" % (image.text(module) if module else "", image.text(image.pointer(cls, "PyClassObject", "cl_name")))]
    for base in image.values.tuple_items(image.pointer(cls, "PyClassObject", "cl_bases"), 8):
        names += _classic_names(image, base, depth - 1)
    return names


def _waits_for_waiter(image: Image, frame: RawFrame, primitive: Optional[int]) -> bool:
    """In ``Condition.wait`` the lock is the one made for this wait; when it is not, the thread was notified and wants the condition's own lock."""
    if primitive is None:
        return True
    try:
        waiter = dict(slots(image, frame, read_code(image, frame.code))).get("waiter")
    except (MemoryFault, LayoutMissing):
        return True
    return waiter is None or waiter == primitive


def owner_ident(image: Image, what: Lifted) -> Optional[int]:
    """``threading.get_ident()`` of who has to act for the wait to end, where the object records one."""
    names = {
        "thread": ("_ident", "_Thread__ident"),
        "rlock": ("_owner", "_RLock__owner"),
        "import_lock": ("owner",),
    }.get(what.kind, ())
    for name in names:
        value = attribute(image, what.address, name)
        try:
            if value and image.values.type_name(value) in ("int", "long"):
                return image.values.long_value(value) & image.reader.address_mask
        except (MemoryFault, LayoutMissing):
            continue
    return None


def inner_lock(image: Image, instance: int) -> int:
    """The lock of a Condition; any other object stands for itself."""
    try:
        names = class_names(image, instance)
    except (MemoryFault, LayoutMissing):
        return instance
    for cls, name in (("threading.Condition", "_lock"), ("threading._Condition", "_Condition__lock")):
        if cls in names:
            return attribute(image, instance, name) or instance
    return instance


def described_by(image: Image, what: Lifted) -> Optional[str]:
    """The name that the object itself has: a thread's, a module's whose import is waited for."""
    names: Dict[str, Tuple[str, ...]] = {"thread": ("_name", "_Thread__name"), "import_lock": ("name",)}
    for name in names.get(what.kind, ()):
        told = text(image, attribute(image, what.address, name))
        if told:
            return told[:200]
    return None
