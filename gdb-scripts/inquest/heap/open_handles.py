"""What else a process held open: children of subprocess, mapped files, databases of sqlite3, and the files of 2.7.

    Lib/subprocess.py                           Popen: pid, args (3.3 on), returncode (None while nobody has seen its end)
    Modules/mmapmodule.c                        PyObject; char *data; Py_ssize_t size
    Modules/_sqlite/connection.h                PyObject; sqlite3 *db
    sqlite3's sqliteInt.h, btreeInt.h           sqlite3: pVfs, …, at 4 words Db *aDb; Db: char *zDbSName; Btree *pBt; Btree: sqlite3 *db; BtShared *pBt;
                                                BtShared: Pager *pPager; sqlite3 *db
    sqlite3's os_unix.c                         unixFile: pMethod; sqlite3_vfs *pVfs; pInode; int h; …; at 7 words const char *zPath
    Include/fileobject.h of 2.7                 PyObject; FILE *f_fp; PyObject *f_name; PyObject *f_mode
    glibc's struct_FILE.h                       int _flags (0xFBAD in its upper half); at 4 words _IO_write_base, _IO_write_ptr; at 112 bytes int _fileno
"""

from __future__ import annotations

from typing import Any, Dict, Optional

from ..frames.image import Image
from ..frames.namespace import attribute, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..waits.children import command

_HIGHEST_FD = 1 << 20
_HIGHEST_PID = 1 << 22
_LARGEST_MAP = 1 << 46
_MOST_BUFFERED = 1 << 32
_PAGER_WORDS = 64
_LONGEST_PATH = 4096
_MAGIC = 0xFBAD


def child(image: Image, address: int) -> Optional[Dict[str, Any]]:
    """A ``subprocess.Popen`` whose end nobody has seen yet."""
    try:
        code = attribute(image, address, "returncode")
        number = attribute(image, address, "pid")
        if not code or image.values.type_name(code) != "NoneType" or not number or image.values.type_name(number) not in ("int", "long"):
            return None
        pid = image.values.long_value(number)
    except (MemoryFault, LayoutMissing):
        return None
    if not 0 < pid < _HIGHEST_PID:
        return None
    return {"address": "0x%x" % address, "pid": pid, "command": command(image, attribute(image, address, "args")), "allocated_at": None}


def mapped(image: Image, core: Any, address: int) -> Optional[Dict[str, Any]]:
    """A ``mmap_object`` that is not closed: its memory is the core's own mapping, which tells the file."""
    head, word = image.layouts.size("PyObject"), image.reader.pointer_size
    try:
        start, size = image.reader.pointer(address + head), image.reader.ssize(address + head + word)
    except MemoryFault:
        return None
    if not start or start % 4096 or not 0 < size < _LARGEST_MAP or core.segment_at(start) is None:
        return None
    file = next((each for each in core.mappings if each.start <= start < each.end), None)
    return {
        "address": "0x%x" % address,
        "start": "0x%x" % start,
        "size": size,
        "name": file.path[:500] if file is not None else None,
        "offset": file.offset + start - file.start if file is not None else None,
        "allocated_at": None,
    }


def database(image: Image, address: int) -> Optional[Dict[str, Any]]:
    """A ``pysqlite_Connection`` that is not closed; ``name`` and ``fd`` are null where the database is no file."""
    reader, word = image.reader, image.reader.pointer_size
    try:
        db = reader.pointer(address + image.layouts.size("PyObject"))
        if not db or db % word:
            return None
        first = reader.pointer(db + 4 * word)
        name, tree = reader.pointers(first, 2)
        if reader.cstring(name, 16) != b"main" or reader.pointer(tree) != db:
            return None
    except MemoryFault:
        return None
    path, fd = None, None
    try:
        pager = reader.pointer(reader.pointer(tree + word))
        path, fd = _main_file(image, pager, reader.pointer(db))
    except MemoryFault:
        pass
    return {"address": "0x%x" % address, "fd": fd, "name": path, "allocated_at": None}


def _main_file(image: Image, pager: int, vfs: int) -> "tuple[Optional[str], Optional[int]]":
    """The first ``unixFile`` that the pager refers to: its VFS is the connection's own."""
    reader, word = image.reader, image.reader.pointer_size
    if not vfs:
        return None, None
    for place in reader.pointers(pager, _PAGER_WORDS):
        try:
            if not place or place % word or reader.pointer(place + word) != vfs:
                continue
            fd = reader.sint(place + 3 * word, 4)
            path = reader.cstring(reader.pointer(place + 7 * word), _LONGEST_PATH).decode("utf-8", "replace")
        except MemoryFault:
            continue
        if 0 <= fd < _HIGHEST_FD and path.startswith("/") and path.isprintable():
            return path[:500], fd
    return None, None


def old_file(image: Image, address: int) -> Optional[Dict[str, Any]]:
    """An open ``PyFileObject`` of 2.7 over a ``FILE`` of glibc."""
    head, word, reader = image.layouts.size("PyObject"), image.reader.pointer_size, image.reader
    try:
        stream, name, mode = reader.pointers(address + head, 3)
        if not stream or reader.uint(stream, 4) >> 16 != _MAGIC or word != 8:
            return None
        fd = reader.sint(stream + 112, 4)
        base, at = reader.pointers(stream + 4 * word, 2)
        told, how = text(image, name) or image.values.repr(name).text, text(image, mode)
    except (MemoryFault, LayoutMissing):
        return None
    if not 0 <= fd < _HIGHEST_FD or how is None:
        return None
    written = at - base if 0 <= at - base < _MOST_BUFFERED else None
    return {"address": "0x%x" % address, "fd": fd, "name": told[:500], "mode": how[:8], "unflushed": written, "allocated_at": None}
