"""Finds the interpreter in a process's memory, its version and its layouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, List, Mapping, Optional, Tuple

from .layout.model import Layouts
from .memory import Reader


class NoPython(Exception):
    """No CPython was found; ``reason`` is the text for ``python_missing_reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Interpreter:
    """One ``PyInterpreterState *``: its address, ``id`` (0 for main, as ``interp->id``), and dicts checked to be dicts."""

    address: int
    id: int
    threads_head: int
    modules: int
    sysdict: int
    builtins: int


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
    warnings: List[str] = field(default_factory=list)


def find_runtime(reader: Reader, core, manifest: Mapping, layouts_from_gdb: Optional[Callable[[], Optional[Layouts]]] = None) -> Runtime:
    """Goes down the ladder of ``docs/architecture.md``; raises ``NoPython``."""
    raise NotImplementedError
