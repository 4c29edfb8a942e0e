"""The garbage collector's state: in the runtime in 3.7 and 3.8, in the interpreter from 3.9 (Include/internal/pycore_mem.h, pycore_gc.h)."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .frames.image import Image
from .memory import MemoryFault

_GENERATIONS = 3


def gc_state(image: Image, runtime: Any, interpreter: Any, symbol: Any) -> Dict[str, Any]:
    """``python.gc`` of the report. ``symbol(name)`` gives an address or None, for 2.7 and 3.6 whose state is static."""
    home = _home(image, runtime, interpreter)
    if home is None:
        return _static(image, symbol)
    address, struct, prefix = home
    enabled = image.optional_integer(address, struct, prefix + "enabled")
    collecting = image.optional_integer(address, struct, prefix + "collecting")
    counts, thresholds = _generations(image, address, struct, prefix)
    return {
        "collecting": None if collecting is None else collecting != 0,
        "enabled": None if enabled is None else enabled != 0,
        "counts": counts,
        "thresholds": thresholds,
    }


def _home(image: Image, runtime: Any, interpreter: Any) -> Optional[Tuple[int, str, str]]:
    """(address, struct, prefix of the fields)."""
    if image.layouts.has("PyInterpreterState", "gc.collecting"):
        return interpreter.address, "PyInterpreterState", "gc."
    if runtime.address and image.layouts.has("_PyRuntimeState", "gc.collecting"):
        return runtime.address, "_PyRuntimeState", "gc."
    return None


def _generations(image: Image, address: int, struct: str, prefix: str) -> Tuple[List[int], List[int]]:
    layouts = image.layouts
    if layouts.has(struct, prefix + "generations") and layouts.has("gc_generation"):
        return _read_generations(image, address + layouts.offset(struct, prefix + "generations"))
    # 3.14: one young and two old spaces (incremental collection).
    if layouts.has(struct, prefix + "young") and layouts.has(struct, prefix + "old") and layouts.has("gc_generation"):
        counts, thresholds = _read_generations(image, address + layouts.offset(struct, prefix + "young"), 1)
        old = _read_generations(image, address + layouts.offset(struct, prefix + "old"), 2)
        return counts + old[0], thresholds + old[1]
    return [], []


def _read_generations(image: Image, start: int, number: int = _GENERATIONS) -> Tuple[List[int], List[int]]:
    """``struct gc_generation[number]``."""
    counts: List[int] = []
    thresholds: List[int] = []
    try:
        for index in range(number):
            generation = start + index * image.layouts.size("gc_generation")
            counts.append(image.integer(generation, "gc_generation", "count"))
            thresholds.append(image.integer(generation, "gc_generation", "threshold"))
    except MemoryFault:
        return [], []
    return counts, thresholds


def _static(image: Image, symbol: Any) -> Dict[str, Any]:
    """2.7 and 3.6: static variables of Modules/gcmodule.c; ``_PyGC_generation0`` is exported and points to the generations."""
    out: Dict[str, Any] = {"collecting": _static_truth(image, symbol, "collecting"), "enabled": None, "counts": [], "thresholds": []}
    try:
        pointer = symbol("_PyGC_generation0")
        if pointer and image.layouts.has("gc_generation"):
            start = image.reader.pointer(pointer)
            out["counts"], out["thresholds"] = _read_generations(image, start)
    except MemoryFault:
        pass
    if out["collecting"] is not None:
        out["enabled"] = _static_truth(image, symbol, "enabled")
    return out


def _static_truth(image: Image, symbol: Any, name: str) -> Optional[bool]:
    """A static ``int`` that is 0 or 1; None when no symbol table names it."""
    address = symbol(name)
    try:
        value = image.reader.uint(address, 4) if address else None
    except MemoryFault:
        return None
    return bool(value) if value in (0, 1) else None
