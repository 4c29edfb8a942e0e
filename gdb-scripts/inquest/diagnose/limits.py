"""Limits in force when the process died: of recursion as Python and C count it, and of the crashed thread's stack.

    Include/cpython/pystate.h               recursion_depth (up to 3.10); recursion_limit, recursion_remaining (3.11);
                                            py_recursion_limit, py_recursion_remaining (3.12 on), c_recursion_remaining (3.12, 3.13)
    Include/internal/pycore_tstate.h        c_stack_top, c_stack_soft_limit, c_stack_hard_limit (3.14 on)
    glibc nptl/descr.h                      void *stackblock; size_t stackblock_size, guardsize, reported_guardsize
    musl src/internal/pthread_impl.h        unsigned char *map_base; size_t map_size; void *stack; size_t stack_size, guard_size
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ..memory import MemoryFault, Reader

_PLACES = (
    ("PyInterpreterState", "ceval.recursion_limit"),
    ("_PyRuntimeState", "ceval.recursion_limit"),
)
_REMAINING = (("py_recursion_limit", "py_recursion_remaining"), ("recursion_limit", "recursion_remaining"))
_MOST_LEVELS = 1 << 31
_MOST_C_LEVELS = 1 << 20
# sizeof(struct pthread) is about 2.3 KB in glibc, 200 bytes in musl; it lies at the upper end of the stack's block.
_PTHREAD_SEARCHED = 2304
_LARGEST_TCB = 1 << 16
_LARGEST_STACK = 1 << 40
_LARGEST_GUARD = 1 << 30
_PAGE = 4096


def recursion_limit(context: Any) -> Optional[int]:
    """``sys.getrecursionlimit()``: in the interpreter from 3.9, in the runtime before, in a static variable up to 3.6."""
    image = context.image
    for struct, name in _PLACES:
        address = context.runtime.main.address if struct == "PyInterpreterState" else context.runtime.address
        if address and image.layouts.has(struct, name):
            return image.optional_integer(address, struct, name)
    address = context.symbol("_Py_CheckRecursionLimit")
    return image.reader.sint(address, 4) if address else None


def stack_limits(context: Any) -> Optional[Dict[str, Any]]:
    """Of the crashed thread: ``depth`` in calls of Python, ``c_recursion_remaining``, ``c_stack``, ``thread_stack``; each null where it is not known."""
    lwp = context.crashed_lwp
    state = next((each for each in context.states if each.lwp == lwp and lwp is not None), None)
    told: Dict[str, Any] = {"depth": None, "c_recursion_remaining": None, "c_stack": None, "thread_stack": None}
    pointer = context.core.thread_pointer(lwp) if context.core.machine in ("x86_64", "i386") and lwp is not None else None
    if state is not None:
        told["depth"] = depth(context.image, state.address)
        told["c_recursion_remaining"] = c_recursion_remaining(context.image, state.address)
        told["c_stack"] = c_stack(context.image, state.address)
        pointer = state.thread_id or pointer
    if pointer is not None:
        told["thread_stack"] = thread_stack(context.image.reader, pointer)
    return told if any(value is not None for value in told.values()) else None


def depth(image: Any, state: int) -> Optional[int]:
    """How many levels of ``sys.getrecursionlimit()`` are used."""
    used = image.optional_integer(state, "PyThreadState", "recursion_depth")
    for limit, remaining in _REMAINING:
        if used is None and image.layouts.has("PyThreadState", remaining):
            most = image.optional_integer(state, "PyThreadState", limit)
            left = image.optional_integer(state, "PyThreadState", remaining)
            used = None if most is None or left is None else most - left
    return used if used is not None and 0 <= used < _MOST_LEVELS else None


def c_recursion_remaining(image: Any, state: int) -> Optional[int]:
    """How many levels of C recursion 3.12 and 3.13 would still have let the thread go down."""
    left = image.optional_integer(state, "PyThreadState", "c_recursion_remaining")
    return left if left is not None and abs(left) < _MOST_C_LEVELS else None


def c_stack(image: Any, state: int) -> Optional[Dict[str, str]]:
    """Between which addresses 3.14 and newer let the thread's stack be; below ``soft_limit`` a RecursionError is raised."""
    names = ("top", "soft_limit", "hard_limit")
    top, soft, hard = (image.optional_integer(state, "_PyThreadStateImpl", "c_stack_" + name, signed=False) for name in names)
    if top is None or soft is None or hard is None or not 0 < hard <= soft < top or top - hard > _LARGEST_STACK:
        return None
    return {"top": "0x%x" % top, "soft_limit": "0x%x" % soft, "hard_limit": "0x%x" % hard}


def thread_stack(reader: Reader, pthread: int) -> Optional[Dict[str, Any]]:
    """``start``, ``size`` (the guard not counted in) and ``guard`` that the C library recorded; None for the main thread and where it does not prove itself."""
    word = reader.pointer_size
    words: List[int] = []
    try:
        for at in range(0, _PTHREAD_SEARCHED, 16 * word):
            words += reader.pointers(pthread + at, 16)
    except MemoryFault:
        pass
    for at in range(len(words) - 4):
        start, size, third, fourth, fifth = words[at : at + 5]
        if not (start and 0 < size <= _LARGEST_STACK and start <= pthread < start + size and start + size - pthread < _LARGEST_TCB):
            continue
        if start % _PAGE or size % _PAGE:
            continue
        if third == fourth and third % _PAGE == 0 and third < min(size, _LARGEST_GUARD):
            return {"start": "0x%x" % (start + third), "size": size - third, "guard": third}
        if 0 < fourth < size and fifth < size and fifth % _PAGE == 0 and third < pthread and third - fourth == start + fifth:
            return {"start": "0x%x" % (start + fifth), "size": fourth, "guard": fifth}
    return None
