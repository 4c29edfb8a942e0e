"""Which facts are gathered for the diagnosis: each reader in its own guard, so that one that fails takes nothing from the others."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..frames.chain import Chain
from ..frames.image import Image
from ..heap.census import census
from ..heap.open_files import open_files
from ..heap.tracemalloc import Traces
from ..runtime import Runtime
from ..threads import ThreadState
from .abort_message import abort_message
from .cpp_exception import cpp_exception
from .crash_context import crash_context
from .debug_blocks import damaged_blocks
from .gc_crash import gc_crash
from .heap_check import heap_check
from .logged_fatal import logged_fatal
from .limits import recursion_limit, stack_limits
from .refcounts import refcounts
from .rust_payload import rust_payload
from .signal_frame import signal_frames
from ..waits.describe import waits

_SIGABRT = 6
Section = Callable[[str], "AbstractContextManager[None]"]


class Context(NamedTuple):
    """What a reader of facts may use. ``chains`` and ``holders`` are by the address of the thread state."""

    core: Any
    manifest: Mapping[str, Any]
    image: Image
    runtime: Runtime
    states: List[ThreadState]
    chains: Dict[int, Chain]
    holders: Dict[int, Optional[bool]]
    symbol: Callable[[str], Optional[int]]
    # By PYTHONMALLOC's name, as in the report's flags.
    malloc: Optional[str]
    signal_frames: List[Dict[str, Any]]
    # Where tracemalloc was tracing.
    traces: Optional[Traces] = None

    @property
    def crashed_lwp(self) -> Optional[int]:
        lwp = self.manifest.get("crashed_lwp")
        return lwp if lwp is not None else next(iter(self.core.lwps), None)


Fact = Callable[[Context], Any]

# By the name in ``facts``. None is left out.
_OF_THE_INTERPRETER: Tuple[Tuple[str, Fact], ...] = (
    ("recursion_limit", recursion_limit),
    ("stack_limits", stack_limits),
    ("debug_blocks", damaged_blocks),
    ("waits", waits),
    ("gc_crash", gc_crash),
    ("refcounts", refcounts),
    ("crash_context", crash_context),
    ("heap_check", heap_check),
    ("open_files", open_files),
    ("census", census),
)


def facts_of_the_core(core: Any, manifest: Mapping[str, Any], section: Section) -> Dict[str, Any]:
    """What needs no interpreter."""
    facts: Dict[str, Any] = {}
    lwp = manifest.get("crashed_lwp")
    crashed = lwp if lwp is not None else next(iter(core.lwps), None)
    with section("signal_frames"):
        facts["signal_frames"] = signal_frames(core, crashed)
    with section("cpp_exception"):
        told = cpp_exception(core, *_stands(core, crashed, facts))
        if told is not None:
            facts["cpp_exception"] = told
    with section("rust_payload"):
        said = rust_payload(core, *_stands(core, crashed, facts))
        if said is not None:
            facts["rust_payload"] = said
    with section("abort_message"):
        message = abort_message(core)
        if message is not None:
            facts["abort_message"] = message
    if "abort_message" not in facts and _signal(core, crashed) == _SIGABRT:
        with section("logged_fatal"):
            line = logged_fatal(core, crashed, _stands(core, crashed, facts)[1])
            if line is not None:
                facts["logged_fatal"] = line
    return facts


def _signal(core: Any, lwp: Optional[int]) -> Optional[int]:
    raw = core.notes.siginfo.get(lwp, b"")
    return int.from_bytes(raw[:4], core.byte_order) if len(raw) >= 4 else None


def _stands(core: Any, lwp: Optional[int], facts: Mapping[str, Any]) -> Tuple[Mapping[str, int], Optional[int]]:
    """Registers and stack pointer where the thread died: a handler (faulthandler's, for one) runs on a stack of its own."""
    frames = facts.get("signal_frames")
    if frames:
        registers = {name: int(value, 16) for name, value in frames[-1]["registers"].items()}
        return registers, registers.get("rsp", registers.get("sp"))
    return (core.registers(lwp), core.sp(lwp)) if lwp is not None else ({}, None)


def facts_of_the_interpreter(context: Context, section: Section) -> Dict[str, Any]:
    facts: Dict[str, Any] = {}
    for name, fact in _OF_THE_INTERPRETER:
        with section(name):
            told = fact(context)
            if told is not None:
                facts[name] = told
    return facts
