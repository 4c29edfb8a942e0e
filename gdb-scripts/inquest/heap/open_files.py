"""Files, sockets and other things (``open_handles``) that were open: the ResourceWarning after the fact.

Objects of a type are found by the type's address in the writable memory, searched as bytes: so they are found in every build, those
without the collector's lists included, and a heap of gigabytes costs seconds. What was freed shows by its reference count, what only mentions
the type by the fields that do not fit.

    Modules/_io/fileio.c        PyObject; int fd; unsigned created:1 (from 3.3), readable:1, writable:1, appending:1, …
    Modules/_io/bufferedio.c    PyObject; PyObject *raw; int ok, detached, readable, writable; char finalizing; int; off_t abs_pos; char *buffer;
                                off_t pos, raw_pos, read_end, write_pos, write_end
    Modules/socketmodule.h      PyObject; int sock_fd, sock_family, sock_type, sock_proto
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from ..frames.image import Image
from ..frames.namespace import attribute, module_global, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from .open_handles import child, database, mapped, old_file
from .places import data_size, pointer_places

MOST_BYTES = 512 << 20
MOST_SECONDS = 3.0
MOST_TOLD = 500
_MOST_PLACES = 50_000
_HIGHEST_FD = 1 << 20
_MOST_BUFFERED = 1 << 32
_FAMILIES = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 29: "AF_CAN", 31: "AF_BLUETOOTH", 40: "AF_VSOCK"}
_KINDS = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET"}


class _Search:
    """The places of a pointer in the writable memory, within limits for all searches of a report together."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self._until = time.monotonic() + MOST_SECONDS
        self.whole = True

    def places(self, value: int) -> Iterator[int]:
        core, searched, found = self._core, 0, 0
        for segment in core.segments:
            if not segment.writable or not segment.dumped:
                continue
            searched += data_size(core, segment)
            if searched > MOST_BYTES:
                self.whole = False
                return
            for address in pointer_places(core, segment, value):
                yield address
                found += 1
                if found >= _MOST_PLACES or time.monotonic() > self._until:
                    self.whole = False
                    return


def open_files(context: Any) -> Optional[Dict[str, Any]]:
    """``open_files`` of the report; None where no interpreter has the types."""
    image: Image = context.image
    search = _Search(context.core)
    files: Dict[int, Dict[str, Any]] = {}
    sockets: List[Dict[str, Any]] = []
    known = False
    for interpreter in context.runtime.interpreters:
        if not interpreter.modules:
            continue
        kind = module_global(image, interpreter.modules, "_io", "FileIO")
        known = known or kind != 0
        for address in _objects(image, search, kind):
            told = _file(image, address)
            if told is not None and len(files) < MOST_TOLD:
                files[address] = {**told, "allocated_at": _allocated_at(context, address)}
        for name in _buffers_of({told["mode"] for told in files.values()}):
            for address in _objects(image, search, module_global(image, interpreter.modules, "_io", name)):
                _add_unflushed(image, address, files)
        for module, name in (("socket", "socket"), ("_socket", "socket"), ("ssl", "SSLSocket")):
            for address in _objects(image, search, module_global(image, interpreter.modules, module, name)):
                told = _socket(image, address)
                if told is not None and len(sockets) < MOST_TOLD and all(told["address"] != each["address"] for each in sockets):
                    sockets.append({**told, "allocated_at": _allocated_at(context, address)})
        for address in _objects(image, search, module_global(image, interpreter.modules, "__builtin__", "file") if image.version[0] == 2 else 0):
            known = True
            told = old_file(image, address)
            if told is not None and len(files) < MOST_TOLD:
                files[address] = told
    if not known:
        return None
    more = {name: _told_by(context, search, *rest) for name, rest in _HANDLES.items()}
    whole = search.whole and all(len(rows) < MOST_TOLD for rows in (files, sockets, *more.values()))
    return {"files": sorted(files.values(), key=_by_fd), "sockets": sorted(sockets, key=_by_fd), **more, "whole": whole}


def _buffers_of(modes: Set[str]) -> Iterator[str]:
    """The types of buffers that files of these modes can have with bytes to be written: each costs a search of the whole memory."""
    if any(mode != "rb" for mode in modes):
        yield "BufferedWriter"
    if any("+" in mode for mode in modes):
        yield "BufferedRandom"


def _told_by(context: Any, search: _Search, module: str, name: str, read: Callable[[Any, int], Optional[Dict[str, Any]]]) -> List[Dict[str, Any]]:
    """The objects of one type that ``read`` takes for open ones; nothing is searched for where the module was never imported."""
    found: Dict[int, Dict[str, Any]] = {}
    for interpreter in context.runtime.interpreters:
        kind = module_global(context.image, interpreter.modules, module, name) if interpreter.modules else 0
        for address in _objects(context.image, search, kind):
            told = read(context, address)
            if told is not None and len(found) < MOST_TOLD:
                found[address] = {**told, "allocated_at": _allocated_at(context, address)}
    return list(found.values())


_HANDLES: Dict[str, Tuple[str, str, Callable[[Any, int], Optional[Dict[str, Any]]]]] = {
    "children": ("subprocess", "Popen", lambda context, address: child(context.image, address)),
    "maps": ("mmap", "mmap", lambda context, address: mapped(context.image, context.core, address)),
    "databases": ("_sqlite3", "Connection", lambda context, address: database(context.image, address)),
}


def _allocated_at(context: Any, address: int) -> Optional[str]:
    """``file:line`` of the innermost Python frame that made the object, where tracemalloc was tracing."""
    if context.traces is None:
        return None
    try:
        places = context.traces.of_object(address)
    except (MemoryFault, LayoutMissing):
        return None
    return "%s:%d" % (places[0]["file"][:500], places[0]["line"]) if places else None


def _by_fd(told: Dict[str, Any]) -> int:
    return told["fd"]


def _objects(image: Image, search: _Search, kind: int) -> Iterator[int]:
    """``PyObject *`` of exactly this type that are not released."""
    if not kind:
        return
    offset = image.layouts.offset("PyObject", "ob_type")
    for place in search.places(kind):
        address = place - offset
        try:
            if not image.values.access.is_released(address):
                yield address
        except MemoryFault:
            continue


def _file(image: Image, address: int) -> Optional[Dict[str, Any]]:
    """An open ``fileio``: ``__init__`` gives each one an attribute ``name``, and a closed one has the descriptor -1."""
    head = image.layouts.size("PyObject")
    try:
        fd = image.reader.sint(address + head, 4)
        bits = image.reader.uint(address + head + 4, 1)
        if not 0 <= fd < _HIGHEST_FD:
            return None
        name = attribute(image, address, "name")
        if not name:
            return None
        told = text(image, name)
        if told is None:
            told = image.values.repr(name).text
    except (MemoryFault, LayoutMissing):
        return None
    return {"address": "0x%x" % address, "fd": fd, "name": told[:500], "mode": _mode(image, bits), "unflushed": None, "allocated_at": None}


def _mode(image: Image, bits: int) -> str:
    """As ``fileio``'s own ``mode_string``."""
    if image.version[0] == 2:
        bits <<= 1
    created, readable, writable, appending = (bool(bits & 1 << index) for index in range(4))
    if created:
        return "xb+" if readable else "xb"
    if appending:
        return "ab+" if readable else "ab"
    if readable and writable:
        return "rb+"
    return "rb" if readable else "wb"


def _add_unflushed(image: Image, address: int, files: Dict[int, Dict[str, Any]]) -> None:
    """Bytes in a ``buffered`` that were written and never reached the file."""
    if image.reader.pointer_size != 8:
        return
    head = image.layouts.size("PyObject")
    try:
        raw = image.reader.pointer(address + head)
        if raw not in files or image.reader.sint(address + head + 8, 4) != 1:
            return
        start, end = (image.reader.sint(address + head + offset, 8) for offset in (72, 80))
    except MemoryFault:
        return
    # No bytes are waiting where the end is -1.
    if end == -1:
        files[raw]["unflushed"] = 0
    elif 0 <= start <= end < _MOST_BUFFERED:
        files[raw]["unflushed"] = end - start


def _socket(image: Image, address: int) -> Optional[Dict[str, Any]]:
    """An open ``PySocketSockObject``; a closed one has the descriptor -1."""
    head = image.layouts.size("PyObject")
    try:
        fd, family, kind, protocol = (image.reader.sint(address + head + 4 * index, 4) for index in range(4))
    except MemoryFault:
        return None
    # SOCK_NONBLOCK and SOCK_CLOEXEC may be kept in the type.
    kind &= ~0o2004000
    if not 0 <= fd < _HIGHEST_FD or family not in _FAMILIES or kind not in _KINDS or not 0 <= protocol < 1024:
        return None
    return {
        "address": "0x%x" % address,
        "fd": fd,
        "family": _FAMILIES[family],
        "type": _KINDS[kind],
        "protocol": protocol,
        # The kernel knows them, the process's memory does not.
        "local_address": None,
        "allocated_at": None,
    }
