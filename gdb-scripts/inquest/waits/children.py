"""Threads that sleep in no lock: for a child's end, or for what comes through a pipe of ``multiprocessing``.

The system call tells the child or the descriptor alone; the library's own frames on the thread tell what the program made of it: the Popen with
its command, the Process with its name, the Queue that the pipe belongs to.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set

from ..frames.chain import Chain
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.namespace import attribute, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..system_calls import system_call
from .library import Lifted, class_names, lifted, receiver_of
from .names import name_of

_CALLS = frozenset(("wait4", "waitpid", "waitid", "read", "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait"))
_MOST_WORDS = 20
_LONGEST = 120


def waits_for_children(waits: Any) -> List[Dict[str, Any]]:
    """Rows as those of ``describe.waits``, for threads whose frames name a child or a queue."""
    core, image = waits.context.core, waits.image
    found = []
    for lwp in core.lwps:
        call = system_call(core.machine, core.pointer_size, core.registers(lwp))
        if call is None or call.name not in _CALLS:
            continue
        chain = waits.chain(lwp)
        what = lifted(image, chain, None)
        if what is None or what.kind not in ("process", "queue", "descriptor"):
            continue
        name = child_of(image, what) if what.kind == "process" else None
        # The name of the variable is as good where the pid is not told.
        name = name or name_of(image, chain, what.frames, [what.address])
        if name is not None:
            found.append(row(lwp, what, waits.type_of(what.address), name))
    return found


def row(lwp: int, what: Lifted, kind: Optional[str], name: str) -> Dict[str, Any]:
    told: Dict[str, Any] = {"lwp": lwp, "kind": what.kind, "address": "0x%x" % what.address, "type": kind, "name": name}
    told.update({"timed": None, "taken": None, "owner_lwp": None, "owner_gone": False, "owner_known_by": None})
    return told


def child_of(image: Image, what: Lifted) -> Optional[str]:
    """``process 4711 (sleep 1000)`` of a Popen, ``process 4711 (Process-1)`` of a Process."""
    inner = attribute(image, what.address, "_popen")
    pid = _integer(image, attribute(image, inner or what.address, "pid"))
    if pid is None:
        return None
    more = text(image, attribute(image, what.address, "_name")) if inner else command(image, attribute(image, what.address, "args"))
    return "process %d%s" % (pid, " (%s)" % more if more else "")


def command(image: Image, args: int) -> Optional[str]:
    """``Popen.args``: a sequence of words, or one text."""
    if not args:
        return None
    told = text(image, args)
    if told is None:
        try:
            kind = image.values.type_name(args)
            items = image.values.list_items(args, _MOST_WORDS) if kind == "list" else image.values.tuple_items(args, _MOST_WORDS) if kind == "tuple" else ()
            words = [text(image, item) for item in items]
        except (MemoryFault, LayoutMissing):
            return None
        told = " ".join(word if word is not None else "?" for word in words)
    return shortened(told)


def shortened(words: str) -> Optional[str]:
    """In one line, cut; None of nothing."""
    told = " ".join(words.split())
    return (told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…") or None


def _integer(image: Image, value: int) -> Optional[int]:
    try:
        number = image.values.long_value(value) if value and image.values.type_name(value) in ("int", "long") else None
    except (MemoryFault, LayoutMissing):
        return None
    return number if number is not None and 0 < number < 1 << 22 else None


def running_futures(image: Image, chains: "Dict[int, Chain]") -> Dict[int, int]:
    """By future: the thread whose frames run it, told by ``concurrent.futures.thread._WorkItem.run`` and its ``future``."""
    found: Dict[int, int] = {}
    several: Set[int] = set()
    for lwp, chain in chains.items():
        for item in receivers(image, chain, "run", "concurrent.futures.thread._WorkItem"):
            future = attribute(image, item, "future")
            if future in found:
                several.add(future)
            found[future] = lwp
    return {future: lwp for future, lwp in found.items() if future and future not in several}


def receivers(image: Image, chain: Chain, method: str, cls: str) -> List[int]:
    """``self`` of each frame of that method."""
    found = []
    for frame in chain.frames[-_MOST_WORDS:]:
        try:
            if read_code(image, frame.code).name != method:
                continue
            item = receiver_of(image, frame)
            if item and cls in class_names(image, item):
                found.append(item)
        except (MemoryFault, LayoutMissing):
            continue
    return found
