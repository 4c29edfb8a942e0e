"""Whether faulthandler was enabled, where no symbol names its state: 3.6 to 3.11 keep it in a static variable of Modules/faulthandler.c.

    static struct { int enabled; PyObject *file; int fd; int all_threads; PyInterpreterState *interp; } fatal_error;

``faulthandler.enable()`` always writes ``interp``, which few other variables hold; the fields before it have to fit. Where the interpreter's
variables are all there and none fits, it was never enabled.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Sequence

from .frames.image import Image
from .heap.object_state import state_of
from .memory import MemoryFault

_LARGEST_AREA = 32 << 20
_HIGHEST_FD = 1 << 20


def enabled_by_statics(image: Image, runtime: Any, areas: Sequence[Any]) -> "bool | None":
    """``areas``: the writable segments of the interpreter's module."""
    if not areas or not (3, 6) <= image.version <= (3, 11):
        return None
    found = {state for each in runtime.interpreters for state in _states(image, runtime, areas, each.address)}
    whole = all(area.start + area.dumped >= area.end and area.end - area.start <= _LARGEST_AREA for area in areas)
    if len(found) == 1:
        return found.pop()
    return False if whole and not found else None


def _states(image: Image, runtime: Any, areas: Iterable[Any], interpreter: int) -> Iterator[bool]:
    reader, word = image.reader, image.reader.pointer_size
    needle = interpreter.to_bytes(word, reader.byte_order)  # type: ignore[arg-type]
    own = range(0)
    if runtime.address:
        own = range(runtime.address, runtime.address + image.layouts.size("_PyRuntimeState"))
    for area in areas:
        try:
            raw = reader.read(area.start, min(area.dumped, _LARGEST_AREA))
        except MemoryFault:
            continue
        at = raw.find(needle)
        while at >= 0:
            address = area.start + at
            if address % word == 0 and address not in own:
                yield from _state(image, address - 2 * word - 8)
            at = raw.find(needle, at + 1)


def _state(image: Image, base: int) -> Iterator[bool]:
    reader, word = image.reader, image.reader.pointer_size
    try:
        enabled, file = reader.uint(base, word), reader.pointer(base + word)
        fd, all_threads = reader.sint(base + 2 * word, 4), reader.sint(base + 2 * word + 4, 4)
    except MemoryFault:
        return
    if enabled > 1 or all_threads not in (0, 1) or not 0 <= fd < _HIGHEST_FD:
        return
    # A descriptor was given instead of a file, or it was disabled again: less to go by.
    if (file and state_of(image, file) == "whole") or (not file and fd > 0 and (enabled or all_threads)):
        yield enabled == 1
