"""How this Python was started: development mode, faulthandler, tracemalloc, allocator; and whether it is ending."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from .faulthandler_state import enabled_by_statics
from .frames.image import Image
from .frames.namespace import lookup
from .layout.model import LayoutMissing
from .memory import MemoryFault

# enum PyMemAllocatorName (Include/cpython/pymem.h); 0 and 1 stand for the build's default, 2 for its debug hooks.
_ALLOCATORS = {3: "malloc", 4: "malloc_debug", 5: "pymalloc", 6: "pymalloc_debug", 7: "mimalloc", 8: "mimalloc_debug"}

Symbol = Callable[[str], Optional[int]]


def flags(image: Image, runtime: Any, interpreter: Any, symbol: Symbol, areas: Sequence[Any] = ()) -> Dict[str, Any]:
    """``python.flags`` of the report. ``symbol(name)`` gives an address or None; ``areas`` are the writable segments of the interpreter's module."""
    return {
        "dev_mode": _truth(config_value(image, interpreter, "dev_mode")),
        "faulthandler": _faulthandler(image, runtime, interpreter, symbol, areas),
        "tracemalloc": _tracemalloc(image, runtime, interpreter, symbol),
        "malloc": _malloc(image, runtime, interpreter),
    }


def finalizing(image: Image, runtime: Any, interpreter: Any, symbol: Symbol) -> Optional[bool]:
    """Whether ``Py_FinalizeEx`` (or the end of this interpreter) has begun."""
    told: Optional[bool] = None
    places = (
        (runtime.address, "_PyRuntimeState", ("_finalizing._value", "_finalizing", "finalizing._value", "finalizing")),
        (interpreter.address, "PyInterpreterState", ("_finalizing._value", "_finalizing", "finalizing")),
    )
    for address, struct, names in places:
        for name in names:
            if not address or not image.layouts.has(struct, name):
                continue
            value = image.optional_integer(address, struct, name, signed=False)
            if value is not None:
                told = bool(told) or value != 0
    if told is None and image.version[0] == 2:
        initialized = static_word(image, symbol, "initialized")  # Python/pythonrun.c: cleared as Py_Finalize begins
        return None if initialized is None else initialized == 0
    if told is None:
        told = _truth(static_word(image, symbol, "_Py_Finalizing", image.reader.pointer_size))
    return told


def config_value(image: Image, interpreter: Any, name: str) -> Optional[int]:
    """A field of ``PyConfig`` (3.8+) or ``_PyCoreConfig`` (3.7); -1 is "not set"."""
    for prefix in ("config.", "core_config."):
        if image.layouts.has("PyInterpreterState", prefix + name):
            value = image.optional_integer(interpreter.address, "PyInterpreterState", prefix + name)
            if value is not None:
                return value
    if image.layouts.has("PyInterpreterState", "config") and image.layouts.has("PyConfig", name):
        start = interpreter.address + image.layouts.offset("PyInterpreterState", "config")
        return image.optional_integer(start, "PyConfig", name)
    return None


def _truth(value: Optional[int]) -> Optional[bool]:
    return None if value is None else value > 0


def static_word(image: Image, symbol: Symbol, name: str, size: int = 4) -> Optional[int]:
    address = symbol(name)
    if not address:
        return None
    try:
        return image.reader.uint(address, size)
    except MemoryFault:
        return None


def _faulthandler(image: Image, runtime: Any, interpreter: Any, symbol: Symbol, areas: Sequence[Any]) -> Optional[bool]:
    """Enabled for fatal errors. Before 3.12 the state is a static variable, which only an unstripped build names; else it is looked for."""
    if runtime.address and image.layouts.has("_PyRuntimeState", "faulthandler.fatal_error.enabled"):
        return _truth(image.optional_integer(runtime.address, "_PyRuntimeState", "faulthandler.fatal_error.enabled"))
    if image.version[0] == 2:
        return None
    static = static_word(image, symbol, "fatal_error")
    if static in (0, 1):
        return static == 1
    found = enabled_by_statics(image, runtime, areas)
    if found is not None:
        return found
    if _truth(config_value(image, interpreter, "faulthandler")):
        return True
    if interpreter.modules and not lookup(image, interpreter.modules, "faulthandler"):
        return False
    return None


def _tracemalloc(image: Image, runtime: Any, interpreter: Any, symbol: Symbol) -> Optional[bool]:
    """Tracing at the time of the crash."""
    if runtime.address and image.layouts.has("_PyRuntimeState", "tracemalloc.config.tracing"):
        return _truth(image.optional_integer(runtime.address, "_PyRuntimeState", "tracemalloc.config.tracing"))
    if image.version[0] == 2:
        return False
    for name in ("_Py_tracemalloc_config", "tracemalloc_config"):
        address = symbol(name)
        if address and image.layouts.has("_Py_tracemalloc_config", "tracing"):
            return _truth(image.optional_integer(address, "_Py_tracemalloc_config", "tracing"))
        if address:
            return _truth(static_word(image, lambda _, place=address: place + 4, name))  # an unnamed struct: initialized, tracing, …
    if _truth(config_value(image, interpreter, "tracemalloc")):
        return True
    if interpreter.modules and not lookup(image, interpreter.modules, "tracemalloc"):
        return False
    return None


def _malloc(image: Image, runtime: Any, interpreter: Any) -> Optional[str]:
    """By the name that PYTHONMALLOC has for it."""
    default = "mimalloc" if runtime.free_threaded else "pymalloc"
    number, debug = _allocator_number(image, runtime, interpreter)
    if debug is None and runtime.debug_build:
        debug = True
    if number in _ALLOCATORS:
        return _ALLOCATORS[number]
    if number == 2 or (number is not None and debug):
        return default + "_debug"
    return default if number is not None else None


def _allocator_number(image: Image, runtime: Any, interpreter: Any) -> Tuple[Optional[int], Optional[bool]]:
    """(``preconfig.allocator``, whether the debug hooks are installed: from 3.12 the object domain then points to them)."""
    layouts, debug = image.layouts, None
    if not runtime.address:
        return None, None
    if layouts.has("_PyRuntimeState", "allocators.standard.obj.ctx") and layouts.has("_PyRuntimeState", "allocators.debug.obj"):
        context = image.optional_pointer(runtime.address, "_PyRuntimeState", "allocators.standard.obj.ctx")
        debug = None if context is None else calls_hooks(image, context, runtime.address + layouts.offset("_PyRuntimeState", "allocators.debug.obj"))
    if layouts.has("_PyRuntimeState", "preconfig.allocator"):
        return image.optional_integer(runtime.address, "_PyRuntimeState", "preconfig.allocator"), debug
    if layouts.has("PyInterpreterState", "core_config.allocator"):
        return _named_allocator(image, interpreter), debug
    return None, debug


def calls_hooks(image: Image, context: int, hooks: int) -> bool:
    """Whether an allocator's ``ctx`` is the debug hooks' own, or that of tracemalloc above them: its first member is the ``ctx`` of what it calls."""
    try:
        return context == hooks or (context > 65_536 and image.reader.pointer(context) == hooks)
    except MemoryFault:
        return False


def _named_allocator(image: Image, interpreter: Any) -> Optional[int]:
    """3.7: ``core_config.allocator`` is a ``char *``; NULL stands for the default."""
    try:
        name = image.pointer(interpreter.address, "PyInterpreterState", "core_config.allocator")
        if not name:
            return 2 if _truth(config_value(image, interpreter, "dev_mode")) else 1
        told = image.reader.cstring(name, 32).decode("ascii", "replace")
    except (MemoryFault, LayoutMissing):
        return None
    return {"default": 1, "debug": 2, **{text: number for number, text in _ALLOCATORS.items()}}.get(told)
