"""The exception that a thread is propagating or handling, with its chain.

* propagating: ``curexc_value`` up to 3.11, ``current_exception`` from 3.12;
* handled: the ``_PyErr_StackItem`` chain of ``exc_info`` from 3.7 (generators push their own), ``exc_value`` before.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .frames.image import Image
from .frames.namespace import text
from .layout.model import LayoutMissing
from .memory import MemoryFault
from .objects.type_info import EXCEPTION_SUBCLASS, TYPE_SUBCLASS

_LONGEST_CHAIN = 20
_DEEPEST_STACK = 1000


def thread_exception(image: Image, thread_state: int) -> Optional[Dict[str, Any]]:
    """``ExceptionInfo`` of services/contract/report.ts, or None. One that propagates wins over one being handled."""
    for handled, kind, value in _candidates(image, thread_state):
        described = describe(image, kind, value)
        if described is not None:
            described["handled"] = handled
            return described
    return None


def describe(image: Image, kind: int, value: int) -> Optional[Dict[str, Any]]:
    """From a type and a value (either may be 0); the value need not be normalized (up to 3.11: None, a string, a tuple)."""
    instance = value if value and _is_exception(image, value) else 0
    if instance:
        return {"type": type_name(image, instance), "message": message(image, instance), "handled": False, "chain": _chain(image, instance)}
    if not kind or not _is_type(image, kind):
        return None
    name = _name_of_type(image, kind)
    if name is None:
        return None
    return {"type": name, "message": text(image, value) if value else None, "handled": False, "chain": []}


def _candidates(image: Image, thread_state: int) -> Iterator[Tuple[bool, int, int]]:
    """(handled, type or 0, value) from the most to the least telling."""
    has = image.layouts.has
    if has("PyThreadState", "current_exception"):
        value = image.optional_pointer(thread_state, "PyThreadState", "current_exception") or 0
        if value:
            yield False, 0, value
    elif has("PyThreadState", "curexc_type"):
        kind = image.optional_pointer(thread_state, "PyThreadState", "curexc_type") or 0
        if kind:
            yield False, kind, image.optional_pointer(thread_state, "PyThreadState", "curexc_value") or 0
    if has("PyThreadState", "exc_info"):
        for value in _handled(image, thread_state):
            yield True, 0, value
    elif has("PyThreadState", "exc_value"):
        kind = image.optional_pointer(thread_state, "PyThreadState", "exc_type") or 0
        if kind:
            yield True, kind, image.optional_pointer(thread_state, "PyThreadState", "exc_value") or 0


def _handled(image: Image, thread_state: int) -> Iterator[int]:
    """Values of the stack of handled exceptions, the innermost first."""
    item = image.optional_pointer(thread_state, "PyThreadState", "exc_info") or 0
    visited = set()
    while item and item not in visited and len(visited) < _DEEPEST_STACK:
        visited.add(item)
        value = image.optional_pointer(item, "_PyErr_StackItem", "exc_value") or 0
        if value and _is_exception(image, value):
            yield value
        item = image.optional_pointer(item, "_PyErr_StackItem", "previous_item") or 0


def _chain(image: Image, exception: int) -> List[Dict[str, Any]]:
    """``__cause__`` where there is one, else ``__context__`` unless suppressed, as a traceback shows them."""
    out: List[Dict[str, Any]] = []
    visited = {exception}
    while len(out) < _LONGEST_CHAIN and image.layouts.has("PyBaseExceptionObject", "cause"):
        relation, following = "cause", image.optional_pointer(exception, "PyBaseExceptionObject", "cause") or 0
        if not following and not image.optional_integer(exception, "PyBaseExceptionObject", "suppress_context"):
            relation, following = "context", image.optional_pointer(exception, "PyBaseExceptionObject", "context") or 0
        if not following or following in visited or not _is_exception(image, following):
            break
        visited.add(following)
        out.append({"relation": relation, "type": type_name(image, following), "message": message(image, following)})
        exception = following
    return out


def message(image: Image, exception: int) -> Optional[str]:
    """``str(exception)`` for the builtin ways of making it; None when its arguments cannot be read. No code of the dead process runs."""
    try:
        arguments = image.pointer(exception, "PyBaseExceptionObject", "args")
        items = image.values.tuple_items(arguments, 1 << 16) if arguments else []
        if not items:
            return ""
        name = type_name(image, exception).rpartition(".")[2]
        if len(items) == 1:
            return _argument(image, items[0], always_repr=name == "KeyError")
        if len(items) >= 2 and _is_os_error(image, exception):
            return _os_error(image, exception, items)
        return image.values.repr(arguments).text
    except (MemoryFault, LayoutMissing):
        return None


def _argument(image: Image, value: int, always_repr: bool) -> str:
    found = None if always_repr else text(image, value)
    return found[:4096] if found is not None else image.values.repr(value).text


def _os_error(image: Image, exception: int, items: List[int]) -> str:
    """``[Errno 2] No such file or directory: 'name'``. The file names are fields: ``args`` keeps the first two arguments only."""
    struct = "PyOSErrorObject" if image.layouts.has("PyOSErrorObject") else "PyEnvironmentErrorObject"
    out = "[Errno %s] %s" % (image.values.repr(items[0]).text, _argument(image, items[1], always_repr=False))
    for separator, name in ((": ", "filename"), (" -> ", "filename2")):
        value = image.optional_pointer(exception, struct, name)
        if value and image.values.type_name(value) != "NoneType":
            out += separator + image.values.repr(value).text
    return out


def _is_exception(image: Image, value: int) -> bool:
    """By the flag that every exception type has, so without its name."""
    try:
        return image.values.types.flags(image.values.access.type_pointer(value)) & EXCEPTION_SUBCLASS != 0
    except (MemoryFault, LayoutMissing):
        return False


def _is_os_error(image: Image, value: int) -> bool:
    return _derives(image, value, ("builtins.OSError", "exceptions.EnvironmentError"))


def _derives(image: Image, value: int, names: Tuple[str, ...]) -> bool:
    try:
        return any(name in names for name in image.values.type_of(value).mro_names)
    except (MemoryFault, LayoutMissing):
        return False


def _is_type(image: Image, kind: int) -> bool:
    """A class, and not the None that 2.7 and 3.6 keep where no exception is."""
    try:
        return image.values.types.flags(image.values.access.type_pointer(kind)) & TYPE_SUBCLASS != 0
    except (MemoryFault, LayoutMissing):
        return False


def type_name(image: Image, instance: int) -> str:
    """``module.Qualname`` of the instance's type as tracebacks print it: without ``builtins`` (2.7: ``exceptions``)."""
    try:
        return _shown(image.values.type_name(instance))
    except (MemoryFault, LayoutMissing):
        return "?"


def _name_of_type(image: Image, kind: int) -> Optional[str]:
    """As ``type_name``, from the ``PyTypeObject *``."""
    try:
        return _shown(image.values.type_info(kind).full_name)
    except (MemoryFault, LayoutMissing):
        return None


def _shown(name: str) -> str:
    return name[len("exceptions.") :] if name.startswith("exceptions.") else name
