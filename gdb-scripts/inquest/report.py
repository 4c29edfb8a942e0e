"""The Python half of an answer: everything that the dead interpreter's memory tells, as ``PythonAnswer``.

The schema is ``workers/pipeline/helper-answer.ts``. Each section stands in its own guard: one that fails gives a warning
and leaves its part empty, and the rest stands.
"""

from __future__ import annotations

import struct
import time
from contextlib import contextmanager
from functools import partial
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional

from . import VERSION
from .allocations import allocations, open_traces
from .candidates import writable_areas
from .core_file import open_core
from .diagnose.gather import Context, facts_of_the_core, facts_of_the_interpreter
from .distributions import installed_versions
from .exceptions import thread_exception
from .flags import finalizing, flags
from .frames.chain import Chain, thread_chain
from .frames.describe import LocalsAllowance, describe_chain
from .frames.frame_line import line_of_frame
from .frames.image import Image
from .gc_state import gc_state
from .known_types import learn_type_names
from .layout import tables
from .layout.model import LayoutMissing
from .lost_threads import lost_threads
from .memory import BudgetExceeded, MemoryFault, Reader
from .objects.values import Values
from .python_modules import extension_modules, modules_being_imported
from .runtime import LayoutsFromGdb, NoPython, Runtime, find_runtime
from .started import how_started
from .suspended import suspended_work
from .system_calls import described_calls, gil_ranges
from .threads import ThreadState, gil_holders, match_lwps, name_threads, thread_states
from .zeroed_stacks import zeroed_stacks

EXPECTED = (MemoryFault, LayoutMissing, BudgetExceeded, ValueError, KeyError, IndexError, RecursionError, OverflowError, TypeError, AttributeError, MemoryError, struct.error)


class _Answer:
    """The answer while it grows: warnings, timings, and the guard that each section runs in."""

    def __init__(self) -> None:
        self.warnings: List[Dict[str, str]] = []
        self.timings: Dict[str, float] = {}
        self.facts: Dict[str, Any] = {}

    def warn(self, code: str, detail: str) -> None:
        if len(self.warnings) < 200:
            self.warnings.append({"code": code, "detail": detail})

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Times a section; what goes wrong in it becomes a warning that tells kind and place, never memory's content."""
        started = time.perf_counter()
        try:
            yield
        except BudgetExceeded as spent:
            self.warn("budget_spent", "%s: %s" % (name, spent))
        except (MemoryFault, LayoutMissing) as fault:
            self.warn("section_incomplete", "%s: %s: %s" % (name, type(fault).__name__, fault))
        except EXPECTED as error:
            self.warn("section_failed", "%s: %s at %s" % (name, type(error).__name__, _where(error)))
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + round(1000 * (time.perf_counter() - started), 3)


def _where(error: BaseException) -> str:
    """``file:line`` of the innermost frame of a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return "%s:%d" % (trace.tb_frame.f_code.co_filename.rsplit("/", 1)[-1], trace.tb_lineno)


def python_answer(manifest: Mapping[str, Any], layouts_from_gdb: Optional[LayoutsFromGdb] = None) -> Dict[str, Any]:
    """``PythonAnswer`` for a manifest. Raises only when there is no core to open."""
    with open_core(manifest) as core:
        return answer_from(core, manifest, layouts_from_gdb)


def answer_from(core: Any, manifest: Mapping[str, Any], layouts_from_gdb: Optional[LayoutsFromGdb] = None) -> Dict[str, Any]:
    """As ``python_answer``, for a core that is open."""
    answer = _Answer()
    reader = Reader(core)
    runtime: Optional[Runtime] = None
    reason: Optional[str] = None
    started = time.perf_counter()
    try:
        runtime = find_runtime(reader, core, manifest, layouts_from_gdb)
    except NoPython as missing:
        reason = missing.reason
    except EXPECTED as error:
        reason = "The search for CPython failed: %s." % type(error).__name__
        answer.warn("section_failed", "runtime: %s at %s" % (type(error).__name__, _where(error)))
    answer.timings["runtime"] = round(1000 * (time.perf_counter() - started), 3)
    with answer.section("stacks"):
        zeroed = zeroed_stacks(core)
        if zeroed:
            more = " and %d more" % (len(zeroed) - 8) if len(zeroed) > 8 else ""
            answer.warn("stacks_not_dumped", "the stacks of %s%s hold only zeros: the program that wrote the core could not read them" % (", ".join(map(str, zeroed[:8])), more))
    answer.facts.update(facts_of_the_core(core, manifest, answer.section))
    parts: Dict[str, Any] = {"python": None, "threads": [], "suspended": []}
    if runtime is not None:
        for text in runtime.warnings:
            answer.warn("runtime", text)
        parts = _Process(answer, reader, core, runtime, manifest).parts()
    with answer.section("system_calls"):
        frames = answer.facts.get("signal_frames") or [{"registers": {}}]
        outermost = {name: int(value, 16) for name, value in frames[-1]["registers"].items()}
        crashed = manifest.get("crashed_lwp") or next(iter(core.lwps), None)
        parts["system_calls"] = described_calls(core, parts.get("gils", []), crashed, outermost)
    return {
        "helpers": VERSION,
        "layout_source": runtime.layout_source if runtime else None,
        "python": parts["python"],
        "python_missing_reason": reason,
        "threads": parts["threads"],
        "system_calls": parts.get("system_calls", []),
        "suspended": parts["suspended"],
        "warnings": answer.warnings,
        "facts": answer.facts,
        "timings_ms": answer.timings,
    }


class _Process:
    """One interpreter process being read: the sections in order, each using what the ones before it found."""

    def __init__(self, answer: _Answer, reader: Reader, core: Any, runtime: Runtime, manifest: Mapping[str, Any]) -> None:
        self.answer = answer
        self.core = core
        self.runtime = runtime
        self.manifest = manifest
        self.image = Image(reader, runtime.layouts, Values(reader, runtime.layouts))
        self.image.values.line_of_frame = partial(line_of_frame, self.image)
        self.states: List[ThreadState] = []
        self.chains: Dict[int, Chain] = {}
        self.holders: Dict[int, Optional[bool]] = {}
        self.symbols: Dict[str, Optional[int]] = {}

    def parts(self) -> Dict[str, Any]:
        with self.answer.section("type_names"):
            self.answer.facts["types_named_by_heap"] = learn_type_names(self.image, self.runtime.interpreters, self.core.modules)
        self._threads()
        threads = self._described_threads()
        suspended: List[Dict[str, Any]] = []
        with self.answer.section("suspended"):
            suspended = suspended_work(self.image, self.runtime, self.states, self.chains, self.manifest["frames_per_thread"], self._symbol)
        gils: List[Any] = []
        with self.answer.section("system_calls"):
            gils = gil_ranges(self.image, self.runtime, self._symbol)
        self.answer.facts["runtime"] = {"how": self.runtime.how, "address": _hex(self.runtime.address), "table": tables.name_of_table(self.runtime.layouts)}
        python = self._python()
        traces = None
        with self.answer.section("tracemalloc"):
            traces = open_traces(self.image, self.runtime, self._symbol, self.core, python["flags"]["tracemalloc"])
            lwps = self.core.lwps
            crashed = self.manifest["crashed_lwp"] if self.manifest["crashed_lwp"] is not None else next(iter(lwps), None)
            python["tracemalloc"] = allocations(traces, self.states, self.chains, crashed) if traces is not None else None
        context = Context(self.core, self.manifest, self.image, self.runtime, self.states, self.chains, self.holders, self._symbol, python["flags"]["malloc"], self.answer.facts.get("signal_frames", []), traces)
        self.answer.facts.update(facts_of_the_interpreter(context, self.answer.section))
        return {"python": python, "threads": threads, "suspended": suspended, "gils": gils}

    def _threads(self) -> None:
        image, answer = self.image, self.answer
        with answer.section("threads"):
            self.states, damage = thread_states(image, self.runtime, self.manifest["threads"], self._lost_threads)
            for text in damage:
                answer.warn("threads_incomplete", text)
            pointers = {lwp: found for lwp in self.core.lwps for found in [self.core.thread_pointer(lwp)] if found}
            match_lwps(image, self.states, self.core.lwps, pointers, self.core.machine)
        with answer.section("gil"):
            self.holders = gil_holders(image, self.runtime, self.states, self._symbol)
        with answer.section("thread_names"):
            name_threads(image, self.runtime.interpreters, self.states)

    def _lost_threads(self, interpreter: int, sure: bool) -> List[int]:
        """``sure``: the interpreter has threads. One without may be gone, and what is left of its thread states freed: their frames tell."""
        found = lost_threads(self.core, self.image, self.core.lwps, interpreter if sure else None)
        return [thread.address for thread in found if thread.interpreter == interpreter]

    def _described_threads(self) -> List[Dict[str, Any]]:
        allowance = LocalsAllowance()
        first = self.manifest["crashed_lwp"]
        order = sorted(self.states, key=lambda state: (state.lwp != first or first is None, self.holders.get(state.address) is not True))
        described = {state.address: self._thread(state, allowance) for state in order}
        if allowance.refused:
            self.answer.warn("locals_left_out", "the report's allowance of local variables is spent: outer threads show none")
        return [described[state.address] for state in self.states]

    def _thread(self, state: ThreadState, allowance: LocalsAllowance) -> Dict[str, Any]:
        out: Dict[str, Any] = {
            "lwp": state.lwp,
            "python_thread_id": _hex(state.thread_id),
            "interpreter_id": state.interpreter_id,
            "name": state.name,
            "holds_gil": self.holders.get(state.address),
            "exception": None,
            "frames": [],
            "truncated": True,
        }
        with self.answer.section("frames"):
            chain = self.chains[state.address] = thread_chain(self.image, state.address)
            out["truncated"] = chain.broken is not None
            if chain.broken is not None:
                self.answer.warn("frames_incomplete", "thread %s: %s" % (state.lwp or _hex(state.thread_id), chain.broken))
            out["frames"] = describe_chain(self.image, chain, self.manifest["frames_per_thread"], allowance)
        with self.answer.section("exceptions"):
            out["exception"] = thread_exception(self.image, state.address)
        return out

    def _symbol(self, name: str) -> Optional[int]:
        """Address of a variable of the interpreter's binary (or its debug file), None when no symbol table has it."""
        if name not in self.symbols:
            self.symbols[name] = find_symbol(self.core.modules, name)
        return self.symbols[name]

    def _current_interpreter(self) -> Any:
        """That of the thread that holds a GIL, the crashed one's before others; else the main one."""
        holders = [state for state in self.states if self.holders.get(state.address)]
        holders.sort(key=lambda state: state.lwp != self.manifest["crashed_lwp"])
        by_address = {interpreter.address: interpreter for interpreter in self.runtime.interpreters}
        return by_address.get(holders[0].interpreter, self.runtime.main) if holders else self.runtime.main

    def _extension_modules(self) -> List[Dict[str, Any]]:
        """Of all interpreters, each once; the main one's first."""
        found: Dict[Any, Dict[str, Any]] = {}
        for interpreter in reversed(self.runtime.interpreters):
            for module in extension_modules(self.image, interpreter.modules, installed_versions(self.image, interpreter)) if interpreter.modules else []:
                found.setdefault((module["name"], module["path"]), module)
        return list(found.values())

    def _jit(self) -> Optional[bool]:
        """Whether the interpreter runs with its JIT (3.13+; the field is ``jit`` from 3.14)."""
        if self.image.version < (3, 13):
            return False
        told = None if self.runtime.states else self.image.optional_integer(self.runtime.main.address, "PyInterpreterState", "jit", signed=False)
        return None if told is None else told != 0

    def _debug_info(self) -> str:
        """What the interpreter's own binary (or its debug file) brings: ``full`` for DWARF, ``symbols`` for a symbol table."""
        told = "none"
        for module in self.core.modules:
            if module.path != self.runtime.module:
                continue
            for elf in (module.elf, module.debug_elf):
                sections = elf.sections if elf is not None else {}
                if ".debug_info" in sections or ".zdebug_info" in sections:
                    return "full"
                told = "symbols" if ".symtab" in sections else told
        return told

    def _of_the_interpreter(self, out: Dict[str, Any]) -> None:
        image, runtime, main, section = self.image, self.runtime, self.runtime.main, self.answer.section
        with section("run"):
            out["run"] = how_started(image, main, self._symbol)
        with section("flags"):
            own = next((module for module in self.core.modules if module.path == runtime.module), None)
            out["flags"] = flags(image, runtime, main, self._symbol, writable_areas(self.core, own) if own is not None else ())
            out["finalizing"] = finalizing(image, runtime, main, self._symbol)
        with section("gc"):
            out["gc"] = gc_state(image, runtime, self._current_interpreter(), self._symbol)
        with section("imports"):
            out["modules_imported"] = modules_being_imported(image, main.modules, self.chains.values())
        with section("extension_modules"):
            out["extension_modules"] = self._extension_modules()

    def _python(self) -> Dict[str, Any]:
        runtime = self.runtime
        out: Dict[str, Any] = {
            "version": runtime.version_text,
            "implementation": "CPython",
            "build": {"debug": runtime.debug_build, "free_threaded": runtime.free_threaded, "jit": self._jit()},
            "layout_source": runtime.layout_source,
            "debug_info": self._debug_info(),
            "flags": {"dev_mode": None, "faulthandler": None, "tracemalloc": None, "malloc": None},
            "tracemalloc": None,
            "gil_holder_lwp": next((state.lwp for state in self.states if self.holders.get(state.address) and state.lwp is not None), None),
            "gc": {"collecting": None, "enabled": None, "counts": [], "thresholds": []},
            "finalizing": None,
            "interpreters": len(runtime.interpreters),
            "modules_imported": [],
            "extension_modules": [],
            "run": None,
        }
        if not runtime.states:
            self._of_the_interpreter(out)
        return out


def find_symbol(modules: Iterable[Any], name: str) -> Optional[int]:
    """The first definition of ``name`` in a module that is an interpreter by its own symbols or its name."""
    for module in modules:
        if "python" not in module.name.lower():
            continue
        for elf in (module.elf, module.debug_elf):
            found = elf.symbols([name]).get(name) if elf is not None else None
            if found is not None:
                for image in module.images():
                    return image.bias + found.value
    return None


def _hex(value: Optional[int]) -> Optional[str]:
    return None if value is None else "0x%x" % value
