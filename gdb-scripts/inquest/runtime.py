"""Finds the interpreter in a process's memory, its version and its layouts.

The ladder, best rung first: a symbol of a module (debug offsets, ``_PyRuntime``, ``interp_head``, ``_PyThreadState_Current``), the section
``.PyRuntime``, the cookie of the debug offsets anywhere in writable memory, a scan of the modules' ``.data`` and ``.bss``, a scan of
all writable memory. A rung only makes guesses; a guess counts when an interpreter stands where a layout says (``interpreters``),
and its ``sys.hexversion``, where that can be read, agrees with the layout's version.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import candidates, scan, version
from .candidates import Place
from .core_file import CoreMemory, Segment
from .frames.image import Image
from .interpreters import Interpreter, read_all, read_interpreter
from .layout import tables
from .layout.debug_offsets import read_debug_offsets, text_of_hex, version_of_hex
from .layout.model import Layouts
from .layout.trusted import plausible, reads_stacks
from .layout.variants import for_aarch64, with_trace_refs
from .lost_threads import lost_threads
from .memory import MemoryFault, Reader
from .modules import Module
from .objects.values import Values
from .sysdict import SysFacts


class NoPython(Exception):
    """No CPython was found; ``reason`` is the text for ``python_missing_reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Runtime:
    """What was found, and how."""

    address: Optional[int]
    """``_PyRuntimeState *``; ``None`` for 2.7 and 3.6, and when only the interpreter list was found."""
    version: Tuple[int, int, int]
    version_text: str
    """As ``sys.version`` begins, such as ``3.11.2`` or ``3.15.0b2``."""
    layouts: Layouts
    layout_source: str
    """``debug_offsets``, ``dwarf`` or ``table``."""
    interpreters: List[Interpreter]
    """Newest first, as CPython links them; ``main`` is the last that was reachable."""
    main: Interpreter
    debug_build: bool
    free_threaded: bool
    how: str
    """One sentence: which rung of the ladder served."""
    module: Optional[str] = None
    """The path of the module that holds the interpreter, where one does."""
    warnings: List[str] = field(default_factory=list)
    states: Sequence[int] = ()
    """``PyThreadState *`` that were found without the interpreter, which is overwritten or absent: nothing that it holds is to be believed."""


LayoutsFromGdb = Callable[[Tuple[int, ...]], Optional[Layouts]]


def find_runtime(reader: Reader, core: CoreMemory, manifest: Mapping, layouts_from_gdb: Optional[LayoutsFromGdb] = None) -> Runtime:
    """Goes down the ladder; raises ``NoPython``. ``layouts_from_gdb`` is asked at most once, and only where debug offsets do not serve."""
    search = _Search(reader, core, layouts_from_gdb)
    best = search.by_places(candidates.by_symbol(core))
    best = best or search.by_places(candidates.by_section(core))
    best = best or search.by_places(candidates.by_cookie(core))
    best = best or search.by_scans() or search.by_threads()
    if best is None:
        raise NoPython(search.reason())
    return best


def _whole(runtime: Optional[Runtime]) -> bool:
    return runtime is not None and bool(runtime.main.sysdict and runtime.main.modules)


class _Search:
    """One search: what it asks of memory, and what it tried, for the reason when it fails."""

    def __init__(self, reader: Reader, core: CoreMemory, layouts_from_gdb: Optional[LayoutsFromGdb]) -> None:
        self.reader = reader
        self.core = core
        self._ask_gdb = layouts_from_gdb
        self._gdb_layouts: Optional[Layouts] = None
        self._uninitialized: List[str] = []
        self._tried: List[Place] = []

    def from_gdb(self, hint: Tuple[int, ...]) -> Optional[Layouts]:
        if self._ask_gdb is not None:
            told = self._ask_gdb(hint)
            self._gdb_layouts = told if told is not None and plausible(told) and reads_stacks(told) else None
            self._ask_gdb = None
        return self._gdb_layouts

    def layouts_for(self, hint: Tuple[int, ...]) -> Iterator[Layouts]:
        """Layouts to try for a version: gdb's, then the tables with their variants."""
        known = self.from_gdb(hint)
        if known is not None and known.version[:2] == hint[:2]:
            yield known
        names = tables.variants_of(hint, self.core.machine, self.core.pointer_size)
        found = [tables.load_named(tables.for_patch(name, hint) if len(hint) > 2 else name) for name in names]
        if self.core.machine == "aarch64" and tables.name_of(hint, machine="aarch64") not in names:
            found = [for_aarch64(layouts) for layouts in found] + found
        yield from found
        if hint[:2] <= (3, 7):
            yield from (with_trace_refs(layouts) for layouts in found)

    def by_places(self, places: Iterator[Place]) -> Optional[Runtime]:
        """The best of the runtimes at some places: the first with a sound main interpreter, else the first that is one at all."""
        best: Optional[Runtime] = None
        for place in places:
            # Once one is found, only modules that are plainly another interpreter are asked.
            if len(self._tried) >= 256 or (_whole(best) and not candidates.named_python(place.module)):
                break
            self._tried.append(place)
            found = self._at(place)
            if best is None or (_whole(found) and not _whole(best)):
                best = found or best
            elif found is not None and _whole(found) and found.main.address != best.main.address:
                text = "The process holds a second interpreter, of Python %s in %s, which this report leaves out."
                best.warnings.append(text % (found.version_text, found.module))
        return best

    def _at(self, place: Place) -> Optional[Runtime]:
        if place.kind == "runtime":
            return self._at_debug_offsets(place) or self._at_runtime(place)
        hints = version.hints(place.module) if place.module is not None else []
        for layouts, how in self._tries(hints):
            found = self._at_variable(place, layouts, how)
            if found is not None:
                return found
        return None

    def _tries(self, hints: List[version.VersionHint]) -> Iterator[Tuple[Layouts, str]]:
        """Layouts by the hinted versions, then by every version there is a table of."""
        seen = set()
        for hint in hints:
            if hint.version[:2] not in seen:
                seen.add(hint.version[:2])
                for layouts in self.layouts_for(hint.version):
                    yield replace(layouts, version=hint.version), "version by " + hint.told_by
        for minor in tables.minors():
            if minor not in seen:
                for layouts in self.layouts_for(minor):
                    yield layouts, "version by trying the layouts of every version"

    def _at_debug_offsets(self, place: Place) -> Optional[Runtime]:
        for debug in (False, True):
            offsets = read_debug_offsets(self.reader, place.address, self.core.machine, debug)
            if offsets is None:
                return None
            layouts = offsets.layouts
            found = self._from_head(place.address + layouts.offset("_PyRuntimeState", "interpreters.head"), layouts)
            if not found:
                self._note_missing(place, place.address + layouts.offset("_PyRuntimeState", "interpreters.head"))
                return None
            facts = SysFacts(self.reader, layouts, found[-1].sysdict)
            if not debug and (facts.debug_build or "d" in (facts.abiflags or "")):
                continue
            how = "%s, layout by debug offsets" % place.how
            warnings = []
            if offsets.moved:
                warnings.append("The debug offsets differ from the table of %d.%d in %s." % (*offsets.version[:2], ", ".join(offsets.moved)))
            return self._runtime(place, place.address, layouts, found, facts, how, offsets.version_text, warnings)
        return None

    def _at_runtime(self, place: Place) -> Optional[Runtime]:
        hints = version.hints(place.module) if place.module is not None else []
        for strict in (True, False):
            for layouts, how in self._tries(hints):
                if not layouts.has("_PyRuntimeState"):
                    continue
                found = self._from_head(place.address + layouts.offset("_PyRuntimeState", "interpreters.head"), layouts, strict)
                if not found:
                    continue
                made = self._agreeing(place, place.address, layouts, found, how)
                if made is not None:
                    return made
            if not strict:
                for layouts, _ in self._hinted(hints)[:1]:
                    self._note_missing(place, place.address + layouts.offset("_PyRuntimeState", "interpreters.head"))
        return None

    def _at_variable(self, place: Place, layouts: Layouts, how: str) -> Optional[Runtime]:
        """2.7 and 3.6: a static variable holds the interpreter, or the thread state that holds the GIL."""
        if layouts.has("_PyRuntimeState"):
            return None
        try:
            value = self.reader.pointer(place.address)
            if not value:
                # No thread holds the GIL where the variable is its holder.
                if place.kind != "thread":
                    self._note_missing(place, place.address)
                return None
            if place.kind == "thread":
                value = self.reader.pointer(value + layouts.offset("PyThreadState", "interp"))
        except MemoryFault:
            return None
        found = read_all(self.reader, layouts, value)
        return self._agreeing(place, None, layouts, found, how) if found and found[-1].sysdict else None

    def _from_head(self, address: int, layouts: Layouts, strict: bool = False) -> List[Interpreter]:
        try:
            head = self.reader.pointer(address)
        except MemoryFault:
            return []
        if strict and read_interpreter(self.reader, layouts, head, strict=True) is None:
            return []
        return read_all(self.reader, layouts, head)

    def _agreeing(self, place: Place, address: Optional[int], layouts: Layouts, found: List[Interpreter], how: str) -> Optional[Runtime]:
        """A runtime, unless ``sys`` says that it is of another version than the layout."""
        facts = SysFacts(self.reader, layouts, found[-1].sysdict) if found[-1].sysdict else None
        if facts is not None and facts.hexversion is not None:
            if version_of_hex(facts.hexversion)[:2] != layouts.version[:2]:
                return None
        elif "trying" in how:
            return None
        return self._runtime(place, address, layouts, found, facts, "%s, %s, layout by %s" % (place.how, how, layouts.source), None, [])

    def _runtime(
        self,
        place: Place,
        address: Optional[int],
        layouts: Layouts,
        found: List[Interpreter],
        facts: Optional[SysFacts],
        how: str,
        text: Optional[str],
        warnings: List[str],
    ) -> Runtime:
        number = layouts.version
        if facts is not None and facts.hexversion is not None:
            number, text = version_of_hex(facts.hexversion), text or text_of_hex(facts.hexversion)
        debug = layouts.debug_build or (facts is not None and (facts.debug_build or "d" in (facts.abiflags or "")))
        constants = dict(layouts.constants)
        if layouts.has("PyIntObject") and facts is not None and facts.maxunicode is not None:
            constants["sizeof_Py_UNICODE"] = 4 if facts.maxunicode > 0xFFFF else 2
        layouts = replace(layouts, version=number, constants=constants, debug_build=debug)
        return Runtime(
            address=address,
            version=number,
            version_text=text or "%d.%d.%d" % number,
            layouts=layouts,
            layout_source=layouts.source,
            interpreters=found,
            main=found[-1],
            debug_build=debug,
            free_threaded=layouts.free_threaded,
            how=how,
            module=place.module.path if place.module is not None else None,
            warnings=warnings,
        )

    def by_scans(self) -> Optional[Runtime]:
        """Scans of the writable memory of each likely module, then of all modules, then of everything."""
        modules = [(module, candidates.writable_areas(self.core, module)) for module in candidates.likely_modules(self.core)]
        for module, segments in modules:
            hints = version.hints(module) if segments and ".cpython-" not in module.name else []
            if hints:
                made = self._scan(Place("scan", 0, module, "a scan of the memory of %s" % module.name), segments, self._hinted(hints))
                if made is not None:
                    return made
        owned = list(dict.fromkeys(segment for _, segments in modules for segment in segments))
        everything = list(self._tries([]))
        return self._scan(Place("scan", 0, None, "a scan of the modules' writable memory"), owned, everything) or self._scan(
            Place("scan", 0, None, "a scan of all writable memory"), self.core.segments, everything
        )

    def by_threads(self) -> Optional[Runtime]:
        """The interpreter that the threads' own states name, though it is overwritten or not in the core: stacks and locals, and no modules."""
        if self._uninitialized:
            return None
        named = [module for module in candidates.likely_modules(self.core) if candidates.named_python(module) or ".cpython-" in module.name]
        hints: Dict[Tuple[int, int], Tuple[version.VersionHint, Module]] = {}
        for module in named:
            for hint in version.hints(module):
                hints.setdefault(hint.version[:2], (hint, module))
        for hint, module in hints.values():
            for layouts in self.layouts_for(hint.version):
                threads = lost_threads(self.core, Image(self.reader, layouts, Values(self.reader, layouts)), self.core.lwps)
                if not threads:
                    continue
                place = Place("scan", 0, module, "the thread states that the threads' pointers lead to")
                alone = Interpreter(threads[0].interpreter, 0, threads[0].address, 0, 0, 0)
                how = "%s, version by %s, layout by %s" % (place.how, hint.told_by, layouts.source)
                text = "The interpreter's own state is overwritten or not in the core: its threads were found by %s." % place.how
                made = self._runtime(place, None, replace(layouts, version=hint.version), [alone], None, how, hint.text, [text])
                return replace(made, states=[thread.address for thread in threads])
        return None

    def _hinted(self, hints: List[version.VersionHint]) -> List[Tuple[Layouts, str]]:
        tried = {hint.version[:2] for hint in hints}
        return [(layouts, how) for layouts, how in self._tries(hints) if layouts.version[:2] in tried]

    def _scan(self, place: Place, segments: List[Segment], tries: List[Tuple[Layouts, str]]) -> Optional[Runtime]:
        pairs = dict.fromkeys(scan.offsets_of(layouts) for layouts, _ in tries)
        found_by = scan.Scan(self.core, segments, [pair for pair in pairs if pair is not None])
        for layouts, how in tries:
            heads = found_by.interpreters(self.reader, layouts)
            if heads:
                found = read_all(self.reader, layouts, heads[0])
                places = scan.places_of(self.core, [*segments, *self.core.segments], heads[0])
                address = scan.runtime_of(self.reader, layouts, places, heads[0], found[-1].address)
                made = self._agreeing(place, address, layouts, found, how)
                if made is not None:
                    return made
        return None

    def _note_missing(self, place: Place, variable: int) -> None:
        """Remembers a place that is there but whose pointer to an interpreter is null."""
        try:
            if self.reader.pointer(variable) == 0:
                self._uninitialized.append(place.how)
        except MemoryFault:
            pass

    def _readable(self, place: Place) -> bool:
        try:
            self.reader.read(place.address, 4096 if place.kind == "runtime" else self.reader.pointer_size)
            return True
        except MemoryFault:
            return False

    def reason(self) -> str:
        """Why nothing was found, as the user should read it."""
        if self._uninitialized:
            return "CPython is loaded (%s), but holds no interpreter: it was not initialised yet, or finalized already." % self._uninitialized[0]
        if self._tried:
            place = self._tried[0]
            if self._readable(place):
                return "CPython is loaded (%s), but no interpreter could be read there: it was not initialised yet, finalized already, or overwritten." % place.how
            return "CPython is loaded (%s), but its state is not readable in this core." % place.how
        if not any(segment.writable and segment.dumped for segment in self.core.segments):
            return "The core holds no writable memory: it was truncated, or its filter left everything out."
        return "No CPython interpreter was found in the memory of this process."
