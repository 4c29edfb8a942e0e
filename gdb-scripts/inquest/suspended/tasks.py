"""asyncio's tasks of every loop, with what each awaits and who awaits it.

Where they are: from 3.14 linked lists in the thread states and the interpreter; from 3.12 ``asyncio.tasks._scheduled_tasks``
and ``_eager_tasks``; from 3.7 ``asyncio.tasks._all_tasks``; in 3.6 a static
variable of ``_asyncio``, so there the heap is searched. All but the lists are weak sets.
``_asyncio.Task`` is a ``TaskObj`` (Modules/_asynciomodule.c); the pure Python class keeps the same under ``_coro``, ``_state`` and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from ..frames.chain import Chain, RawFrame
from ..frames.describe import LocalsAllowance
from ..frames.image import Image
from ..frames.namespace import attribute, module_global, text
from ..heap.gc_lists import GcList
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .coroutines import await_chain, kind_of, standing, type_name
from .awaiting import held_by_asyncio
from .greenlets import seeds
from .heap import instances
from .pending import name_of, suspended_frames

_MOST_TASKS = 10_000
_MOST_DESCRIBED = 1_000
_MOST_CHILDREN = 1_000


@dataclass
class Task:
    """One task that has not ended. ``waits_for`` is the future or task at the end of its await chain, or 0."""

    address: int
    name: Optional[str]
    coroutine_name: Optional[str]
    state: str
    frames: List[RawFrame] = field(default_factory=list)
    waits_for: int = 0
    awaited_by: List[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The name; before 3.8 tasks have none, so that of the code they run."""
        return self.name or self.coroutine_name or "0x%x" % self.address


def tasks(
    image: Image,
    runtime: Any,
    states: Sequence[Any],
    chains: Mapping[int, Chain],
    lists: Sequence[GcList],
    most_frames: int,
    allowance: LocalsAllowance,
    seen: "set[int]",
) -> List[Dict[str, Any]]:
    """``Suspended`` entries of kind ``task``; the objects of their await chains are added to ``seen``."""
    found: Dict[int, Task] = {}
    for address in _addresses(image, runtime, states, chains, lists):
        if address not in found:
            task = _read(image, address, seen)
            if task is not None:
                found[address] = task
    _tell_who_waits(image, found)
    return [
        {
            "kind": "task",
            "name": task.name,
            "state": task.state,
            "awaited_by": task.awaited_by,
            "frames": suspended_frames(image, task.frames, most_frames, allowance),
        }
        for task in list(found.values())[:_MOST_DESCRIBED]
    ]


def _addresses(
    image: Image, runtime: Any, states: Sequence[Any], chains: Mapping[int, Chain], lists: Sequence[GcList]
) -> Iterator[int]:
    for state in states:
        if image.layouts.has("_PyThreadStateImpl", "asyncio_tasks_head"):
            yield from _linked(image, state.address + image.layouts.offset("_PyThreadStateImpl", "asyncio_tasks_head"))
    for interpreter in runtime.interpreters:
        if image.layouts.has("PyInterpreterState", "asyncio_tasks_head"):
            yield from _linked(image, interpreter.address + image.layouts.offset("PyInterpreterState", "asyncio_tasks_head"))
        if not interpreter.modules:
            continue
        for name in ("_scheduled_tasks", "_eager_tasks", "_all_tasks"):
            yield from _members(image, module_global(image, interpreter.modules, "asyncio.tasks", name))
        task_class = module_global(image, interpreter.modules, "asyncio.tasks", "Task") if image.version == (3, 6) else 0
        if task_class:
            yield from instances(image, task_class, seeds(image, interpreter, chains, lists))


def _linked(image: Image, head: int) -> Iterator[int]:
    """A ``struct llist_node`` ring of ``TaskObj.task_node`` (Include/internal/pycore_llist.h)."""
    if not image.layouts.has("TaskObj", "task_node"):
        return
    inside = image.layouts.offset("TaskObj", "task_node")
    visited = set()
    try:
        node = image.reader.pointer(head)
        while node and node != head and node not in visited and len(visited) < _MOST_TASKS:
            visited.add(node)
            yield node - inside
            node = image.reader.pointer(node)
    except MemoryFault:
        return


def _members(image: Image, collection: int) -> Iterator[int]:
    """The live members of a ``weakref.WeakSet`` or of a ``set``."""
    if not collection:
        return
    try:
        inner = attribute(image, collection, "data") or collection
        for item in image.values.set_items(inner, _MOST_TASKS):
            yield image.pointer(item, "PyWeakReference", "wr_object") if "weakref" in type_name(image, item) else item
    except (MemoryFault, LayoutMissing):
        return


def _read(image: Image, address: int, seen: "set[int]") -> Optional[Task]:
    """The task at ``address``; None when it has ended or is no task."""
    try:
        native = _is_native(image, address)
        if native:
            done = image.integer(address, "TaskObj", "task_state") != image.layouts.constants.get("STATE_PENDING", 0)
            coroutine = image.pointer(address, "TaskObj", "task_coro")
            name = image.optional_pointer(address, "TaskObj", "task_name") or 0
        else:
            done = text(image, attribute(image, address, "_state")) not in (None, "PENDING")
            coroutine = attribute(image, address, "_coro")
            name = attribute(image, address, "_name")
    except (MemoryFault, LayoutMissing):
        return None
    if done or not coroutine:
        return None
    frames, waits_for, passed = await_chain(image, coroutine)
    seen.update(passed)
    waits_for = _waiter(image, address, native) or waits_for
    return Task(address, _name(image, name), name_of(image, coroutine), _state(image, coroutine), frames, waits_for)


def _is_native(image: Image, address: int) -> bool:
    """A ``TaskObj``, also where the file of ``_asyncio`` is missing and with it the type's name."""
    try:
        return "_asyncio.Task" in image.values.type_of(address).mro_names
    except (MemoryFault, LayoutMissing):
        return kind_of(image, image.pointer(address, "TaskObj", "task_coro")) is not None


def _waiter(image: Image, address: int, native: bool) -> int:
    """``_fut_waiter``: the future whose end wakes the task."""
    if native:
        return image.optional_pointer(address, "TaskObj", "task_fut_waiter") or 0
    return attribute(image, address, "_fut_waiter")


def _name(image: Image, name: int) -> Optional[str]:
    """A task's name: a str, or from 3.12 the number that ``Task-N`` is made of when somebody asks."""
    if not name:
        return None
    told = text(image, name)
    if told is not None:
        return told
    try:
        return "Task-%d" % image.values.long_value(name, 64)
    except (MemoryFault, LayoutMissing):
        return None


def _state(image: Image, coroutine: int) -> str:
    """``running`` when a thread is inside it, ``created`` before its first step, else ``pending``."""
    try:
        state = standing(image, coroutine).state if kind_of(image, coroutine) else "suspended"
    except (MemoryFault, LayoutMissing):
        state = "suspended"
    return {"running": "running", "created": "created"}.get(state, "pending")


def _tell_who_waits(image: Image, found: Dict[int, Task]) -> None:
    """Fills ``awaited_by`` with names: of who awaits the task itself, or a ``gather`` that it belongs to."""
    for waiting in found.values():
        targets = [waiting.waits_for] if waiting.waits_for in found else _children(image, waiting.waits_for) + held_by_asyncio(image, waiting.frames)
        for target in targets:
            if target in found and waiting.label not in found[target].awaited_by:
                found[target].awaited_by.append(waiting.label)
    if image.layouts.has("FutureObj", "fut_awaited_by"):
        for task in found.values():
            for waiting in _recorded_waiters(image, task.address, found):
                if waiting.label not in task.awaited_by:
                    task.awaited_by.append(waiting.label)


def _recorded_waiters(image: Image, address: int, found: Dict[int, Task]) -> Iterator[Task]:
    """3.14+: ``awaited_by`` of a task or future, which also knows task groups: one object or a set; futures lead on to tasks."""
    pending, visited = [address], set()
    while pending and len(visited) < _MOST_CHILDREN:
        current = pending.pop()
        if current in visited:
            continue
        visited.add(current)
        if current != address and current in found:
            yield found[current]
            continue
        try:
            waiter = image.pointer(current, "FutureObj", "fut_awaited_by")
            several = image.integer(current, "FutureObj", "fut_awaited_by_is_set", signed=False)
            pending += image.values.set_items(waiter, _MOST_CHILDREN) if several and waiter else [waiter] if waiter else []
        except (MemoryFault, LayoutMissing):
            continue


def _children(image: Image, future: int) -> List[int]:
    """``_GatheringFuture._children``, and those of a ``gather`` among them."""
    found: List[int] = []
    pending, visited = [future], set()
    while pending and len(visited) < _MOST_CHILDREN:
        current = pending.pop()
        if not current or current in visited:
            continue
        visited.add(current)
        if current != future:
            found.append(current)
        children = attribute(image, current, "_children")
        if not children:
            continue
        try:
            pending += reversed(image.values.list_items(children, _MOST_CHILDREN - len(visited)))
        except (MemoryFault, LayoutMissing):
            continue
    return found
