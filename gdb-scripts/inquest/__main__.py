"""The Python half without gdb.   usage: python3 -m inquest MANIFEST OUT | python3 -m inquest --core CORE [--module PATH]… [--option NAME]…

The second form is for work on the helpers: it makes the manifest itself from the core's NT_FILE and prints the answer.
Only files given with ``--module`` are opened, matched by their whole path or else by their name; build-ids are not checked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict, List, Sequence

from .core_notes import read_notes
from .elf import open_elf
from .report import python_answer


def manifest_of(core: str, files: List[str], frames_per_thread: int = 500, threads: int = 4096, options: Sequence[str] = ()) -> Dict[str, Any]:
    """A manifest for a core with these local files as its modules."""
    elf = open_elf(core)
    try:
        notes = read_notes(elf)
        machine = elf.machine
    finally:
        elf.close()
    by_path = {path: path for path in files}
    by_name = {os.path.basename(path): path for path in files}
    modules: Dict[str, Dict[str, Any]] = {}
    for mapped in notes.files:
        file = by_path.get(mapped.path) or by_name.get(os.path.basename(mapped.path))
        entry = modules.setdefault(mapped.path, {"path": mapped.path, "build_id": None, "file": file, "debug_file": None, "mappings": []})
        entry["mappings"].append({"start": "0x%x" % mapped.start, "end": "0x%x" % mapped.end, "offset": mapped.offset})
    return {
        "core": core,
        "machine": machine,
        "executable": None,
        "crashed_lwp": notes.lwps[0] if notes.lwps else None,
        "modules": list(modules.values()),
        "frames_per_thread": frames_per_thread,
        "threads": threads,
        "options": {name: True for name in options},
    }


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m inquest")
    parser.add_argument("manifest", nargs="?")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--core")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--option", action="append", default=[], help="such as heap_check")
    options = parser.parse_args(arguments)
    if options.core is not None:
        json.dump(python_answer(manifest_of(options.core, options.module, options=options.option)), sys.stdout, indent=1)
        print()
        return 0
    if options.manifest is None or options.out is None:
        parser.error("MANIFEST and OUT, or --core")
    with open(options.manifest, encoding="utf-8") as file:
        manifest = json.load(file)
    answer = python_answer(manifest)
    partial = options.out + ".part"
    with open(partial, "w", encoding="ascii") as file:
        json.dump(answer, file, separators=(",", ":"))
    os.replace(partial, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
