"""What tracemalloc knew when the process died: how much it traced, from which lines, and where a given block was allocated.

Modules/_tracemalloc.c (Python/tracemalloc.c from 3.13), Python/hashtable.c. The tables are in ``_PyRuntime.tracemalloc`` from 3.12 on, static
variables before, which only an unstripped interpreter names. ``tracemalloc_traces`` maps a block's address to its ``trace_t``:

- up to 3.8 key and data follow the entry, ``key_size`` and ``data_size`` bytes; a key of more than a pointer holds the domain as well;
- from 3.9 an entry has a pointer as its key and one as its value.

A ``traceback_t`` holds its frames most recent first, each a file's name and a line, 12 bytes apart. The name is a ``str``, from 3.15 a
``char *``.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

MOST_TRACES = 1_000_000
MOST_SECONDS = 5.0
_MOST_FRAMES = 32
_MOST_BUCKETS = 1 << 26
_LONGEST_CHAIN = 10_000
_MOST_TRIED = 1 << 17

Symbol = Callable[[str], Optional[int]]
Place = Dict[str, Any]


class Config(NamedTuple):
    """``traces`` is a ``_Py_hashtable_t *``; ``limit`` the number of frames kept; bytes are None where no symbol tells them."""

    traces: int
    limit: Optional[int]
    traced: Optional[int]
    peak: Optional[int]


def tracing(image: Image, runtime: Any, symbol: Symbol) -> Optional[Config]:
    """None when tracemalloc was not tracing, or nothing tells where its tables are."""
    layouts, reader = image.layouts, image.reader
    try:
        if runtime.address and layouts.has("_PyRuntimeState", "tracemalloc.traces"):
            told = {
                name: image.integer(runtime.address, "_PyRuntimeState", "tracemalloc." + name, signed=False)
                for name in ("config.tracing", "config.max_nframe", "traced_memory", "peak_traced_memory", "traces")
            }
            if told["config.tracing"] != 1 or not told["traces"]:
                return None
            return Config(told["traces"], told["config.max_nframe"], told["traced_memory"], told["peak_traced_memory"])
        config, traces = symbol("_Py_tracemalloc_config") or symbol("tracemalloc_config"), symbol("tracemalloc_traces")
        # initialized, tracing, max_nframe: three ints in every version.
        if not config or not traces or reader.uint(config + 4, 4) != 1:
            return None
        sizes = [symbol(name) for name in ("tracemalloc_traced_memory", "tracemalloc_peak_traced_memory")]
        traced, peak = [reader.uint(address, reader.pointer_size) if address else None for address in sizes]
        table = reader.pointer(traces)
        return Config(table, reader.uint(config + 8, 4), traced, peak) if table else None
    except (MemoryFault, LayoutMissing):
        return None


class Traces:
    """The table of one dead process. ``lookup`` costs a few reads, ``all`` reads all of it."""

    def __init__(self, image: Image, config: Config) -> None:
        self.image = image
        self.config = config
        self._word = image.reader.pointer_size
        layouts = image.layouts
        self._flat = layouts.has("_Py_hashtable_t", "key_size")
        self._count = image.integer(config.traces, "_Py_hashtable_t", "num_buckets" if self._flat else "nbuckets", signed=False)
        self._buckets = image.pointer(config.traces, "_Py_hashtable_t", "buckets")
        self._entry = layouts.size("_Py_hashtable_entry_t")
        self._key_size = image.integer(config.traces, "_Py_hashtable_t", "key_size", signed=False) if self._flat else self._word
        if not 0 < self._count <= _MOST_BUCKETS or self._count & (self._count - 1) or self._key_size > 32:
            raise MemoryFault(config.traces, 0, "no hash table")
        self._places: Dict[int, List[Place]] = {}

    def _chain(self, head: int) -> Iterator[Tuple[int, int, int]]:
        """(block, size, ``traceback_t *``) of one bucket's entries."""
        reader, word = self.image.reader, self._word
        for _ in range(_LONGEST_CHAIN):
            if not head:
                return
            following = reader.pointer(head)
            if self._flat:
                key = reader.pointer(head + self._entry)
                trace = head + self._entry + self._key_size
            else:
                key, trace = reader.pointers(head + self.image.layouts.offset("_Py_hashtable_entry_t", "key"), 2)
            size, traceback = reader.pointers(trace, 2)
            yield key, size, traceback
            head = following

    def proved(self) -> bool:
        """Whether the first entries are blocks that can be, allocated at lines of files; a few may be damaged or without a place."""
        good = bad = 0
        # Neighbours in memory are neighbours in the table: it may begin with many empty buckets.
        for head in self.image.reader.pointers(self._buckets, min(self._count, _MOST_TRIED)):
            for key, size, traceback in self._chain(head) if head else ():
                places = self.places(traceback)
                sound = size < 1 << 40 and key > 65_536 and places and all(place["file"].isprintable() and place["file"] for place in places)
                good, bad = (good + 1, bad) if sound else (good, bad + 1)
                if good + bad >= 32:
                    return good > 4 * bad
        return good > 4 * bad

    def lookup(self, address: int) -> Optional[List[Place]]:
        """Where the block that begins at ``address`` was allocated, most recent first; None when it was not traced."""
        bits = 8 * self._word
        # _Py_HashPointerRaw: the low bits of a pointer are mostly zero.
        hashed = (address >> 4 | address << (bits - 4)) & self.image.reader.address_mask
        try:
            bucket = self.image.reader.pointer(self._buckets + (hashed & (self._count - 1)) * self._word)
            for key, _, traceback in self._chain(bucket):
                if key == address:
                    return self.places(traceback)
        except (MemoryFault, LayoutMissing):
            pass
        return None

    def of_object(self, address: int) -> Optional[List[Place]]:
        """Of the block that an object lies in: behind a ``PyGC_Head``, from 3.11 with up to two words before that, or nothing."""
        head = self.image.layouts.size("PyGC_Head") if self.image.layouts.has("PyGC_Head") else 0
        for before in dict.fromkeys((0, head, head + 2 * self._word, head + self._word, 2 * self._word)):
            found = self.lookup(address - before)
            if found is not None:
                return found
        return None

    def places(self, traceback: int) -> List[Place]:
        """``[{file, line}]`` of a ``traceback_t *``."""
        known = self._places.get(traceback)
        if known is None:
            known = self._places[traceback] = list(self._read(traceback))
        return known

    def _read(self, traceback: int) -> Iterator[Place]:
        image = self.image
        try:
            count = image.integer(traceback, "traceback_t", "nframe", signed=False)
            start, step = traceback + image.layouts.offset("traceback_t", "frames"), image.layouts.size("frame_t")
            for index in range(min(count, _MOST_FRAMES)):
                frame = start + index * step
                yield {"file": self._file(image.pointer(frame, "frame_t", "filename")), "line": image.integer(frame, "frame_t", "lineno", signed=False)}
        except (MemoryFault, LayoutMissing):
            return

    def _file(self, name: int) -> str:
        """``PyObject *`` up to 3.14, then a ``char *``: UTF-8 in which lone surrogates are encoded too."""
        if self.image.version < (3, 15):
            return self.image.trusted_text(name)
        raw = self.image.reader.cstring(name)
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "replace")

    def all(self) -> Tuple[Dict[int, List[int]], int, bool]:
        """``traceback_t *`` to [bytes, blocks]; how many blocks in all; whether the whole table was read. Ends quietly at damage."""
        found: Dict[int, List[int]] = {}
        blocks, until = 0, time.monotonic() + MOST_SECONDS
        at, step = 0, 4096
        while at < self._count:
            try:
                heads = self.image.reader.pointers(self._buckets + at * self._word, min(step, self._count - at))
            except MemoryFault:
                return found, blocks, False
            for head in heads:
                try:
                    for _, size, traceback in self._chain(head) if head else ():
                        entry = found.setdefault(traceback, [0, 0])
                        entry[0] += size
                        entry[1] += 1
                        blocks += 1
                except (MemoryFault, LayoutMissing):
                    continue
            if blocks > MOST_TRACES or time.monotonic() > until:
                return found, blocks, False
            at += step
        return found, blocks, True


def find_traces(image: Image, words: Iterator[int]) -> Optional[Traces]:
    """The table among the pointers of the interpreter's variables, where no symbol names it: proved by an entry that leads to source lines."""
    layouts, reader = image.layouts, image.reader
    if not layouts.has("_Py_hashtable_t"):
        return None
    count_at = layouts.offset("_Py_hashtable_t", "num_buckets" if layouts.has("_Py_hashtable_t", "key_size") else "nbuckets")
    seen = set()
    for word in words:
        if word < 65_536 or word % reader.pointer_size or word in seen:
            continue
        seen.add(word)
        try:
            count = reader.pointer(word + count_at)
            if not 16 <= count <= _MOST_BUCKETS or count & (count - 1):
                continue
            traces = Traces(image, Config(word, None, None, None))
            if traces.proved():
                return traces
        except (MemoryFault, LayoutMissing):
            continue
    return None
