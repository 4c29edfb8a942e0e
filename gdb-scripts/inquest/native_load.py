"""Gives gdb the files that it did not find by itself.

gdb learns the shared libraries from the dynamic linker's list, which it reaches through the executable. Where the executable's file is
missing, or the list lies in memory that the core lacks, gdb loads none of them, though NT_FILE tells where each is mapped.
"""

from __future__ import annotations

import os
from typing import List

import gdb

from inquest.modules import Module

_MOST_FILES = 2_000


def load_missing(modules: List[Module]) -> int:
    """Loads each module that has a file and that gdb lacks, at the address where it was mapped; tells how many there were."""
    objfiles = gdb.objfiles()
    known = {os.path.realpath(objfile.filename) for objfile in objfiles if objfile.filename}
    build_ids = {objfile.build_id for objfile in objfiles if objfile.build_id}
    loaded = 0
    for module in modules[:_MOST_FILES]:
        if module.elf is None or module.file is None or module.build_id in build_ids or os.path.realpath(module.file) in known:
            continue
        image = next(module.images(), None)
        if image is None or not module.file.isprintable():
            continue
        try:
            gdb.execute("add-symbol-file %s -o 0x%x" % (_quoted(module.file), image.bias & 0xFFFFFFFFFFFFFFFF), to_string=True)
            loaded += 1
        except (gdb.error, RuntimeError):
            continue
    return loaded


def _quoted(path: str) -> str:
    """As one word of gdb's argument splitter (``gdb_buildargv``): in double quotes a backslash makes the next character plain."""
    return '"%s"' % path.replace("\\", "\\\\").replace('"', '\\"')
