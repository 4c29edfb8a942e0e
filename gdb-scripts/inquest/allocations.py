"""``python.tracemalloc`` of the report: totals, the lines that hold most memory, and where the crashed frames' objects come from."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from .candidates import writable_areas
from .frames.chain import Chain
from .frames.code import read_code
from .frames.image import Image
from .frames.local_variables import slots
from .heap.tracemalloc import Traces, find_traces, tracing
from .layout.model import LayoutMissing
from .memory import MemoryFault

_TOP = 20
_LARGEST_AREA = 8 << 20
_FRAMES = 3
_LOCALS = 30


def open_traces(image: Image, runtime: Any, symbol: Any, core: Any, told: Optional[bool]) -> Optional[Traces]:
    """The traces of a process that was tracing; None when it was not. ``told`` is what its flags say of that."""
    config = tracing(image, runtime, symbol)
    try:
        if config is not None:
            return Traces(image, config)
    except (MemoryFault, LayoutMissing):
        return None
    if not told or image.version >= (3, 12) or symbol("tracemalloc_traces") is not None:
        return None
    return find_traces(image, _variables(image, core, runtime.module))


def _variables(image: Image, core: Any, path: Optional[str]) -> Iterator[int]:
    """The words of the interpreter's writable memory."""
    word = image.reader.pointer_size
    for module in core.modules:
        if path is None or module.path != path:
            continue
        for area in writable_areas(core, module):
            for start in range(area.start, area.start + min(area.dumped, _LARGEST_AREA) // word * word, 4096):
                try:
                    yield from image.reader.pointers(start, min(4096, area.start + area.dumped - start) // word)
                except MemoryFault:
                    continue


def allocations(traces: Traces, states: List[Any], chains: Mapping[int, Chain], crashed_lwp: Optional[int]) -> Dict[str, Any]:
    by_traceback, blocks, whole = traces.all()
    lines: Dict[Tuple[str, int], List[int]] = {}
    for traceback, (size, count) in by_traceback.items():
        place = next(iter(traces.places(traceback)), None)
        entry = lines.setdefault((place["file"], place["line"]) if place else ("?", 0), [0, 0])
        entry[0] += size
        entry[1] += count
    top = sorted(lines.items(), key=lambda line: (-line[1][0], line[0]))[:_TOP]
    config = traces.config
    return {
        "traceback_limit": config.limit,
        "traced_bytes": config.traced,
        "peak_bytes": config.peak,
        "blocks": blocks,
        "whole": whole,
        "top": [{"file": file, "line": line, "bytes": size, "count": count} for (file, line), (size, count) in top],
        "objects": _objects(traces, states, chains, crashed_lwp),
    }


def _objects(traces: Traces, states: List[Any], chains: Mapping[int, Chain], crashed_lwp: Optional[int]) -> List[Dict[str, Any]]:
    """The traced objects in the innermost frames of the crashed thread."""
    image = traces.image
    found: List[Dict[str, Any]] = []
    for state in states:
        chain = chains.get(state.address)
        if state.lwp is None or state.lwp != crashed_lwp or chain is None:
            continue
        for frame in chain.frames[:_FRAMES]:
            try:
                code = read_code(image, frame.code)
                for name, value in list(slots(image, frame, code))[:_LOCALS]:
                    where = traces.of_object(value)
                    if where:
                        found.append({"function": code.name, "name": name, "address": "0x%x" % value, "allocated_at": where})
            except (MemoryFault, LayoutMissing):
                continue
    return found
