#!/usr/bin/env python3
"""Makes an object file whose DWARF holds the structs of an installed interpreter's own headers, for builds that nobody packages.

    compile_headers.py --include PREFIX/include/python3.13 --define Py_GIL_DISABLED OUT.o
    generate_tables.py --version 3.13.0 --variant t --objects-like 3.13 OUT.o

Needs a C compiler. ``Py_DEBUG`` and ``Py_GIL_DISABLED`` change structs and nothing else in the headers; without a definition the
result agrees with the table read from the interpreter itself, which is how this way was checked.
"""

from __future__ import annotations

import argparse
import glob
import os
import subprocess
import sys
import tempfile

_NO_STRUCTS = """opcode_metadata uop_metadata mimalloc magic_number emscripten uop_ids stackref_debug opcode_utils intrinsics ucnhash blocks backoff
jit runtime_init atomic_funcs fileutils_windows crossinterp_data_registry""".split()
"""Internal headers that need more than ``Python.h`` before them, or hold no struct."""


def source_of(include: str) -> str:
    """A C file that includes all internal headers."""
    lines = ["#define Py_BUILD_CORE 1", '#include "Python.h"']
    for path in sorted(glob.glob(os.path.join(include, "internal", "pycore_*.h"))):
        name = os.path.basename(path)
        if name != "pycore_opcode.h" and not any(part in name for part in _NO_STRUCTS):
            lines.append('#include "internal/%s"' % name)
    lines += ['#include "frameobject.h"', '#include "structmember.h"', '#include "datetime.h"']
    for index, name in enumerate(("struct pyruntimestate", "struct _is", "struct _ts", "PyGenObject", "PyDateTime_DateTime")):
        lines.append("%s unused_%d;" % (name, index))
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--include", required=True)
    parser.add_argument("--also", action="append", default=[], help="one more folder to search, such as that of Debian's pyconfig.h")
    parser.add_argument("--define", action="append", default=[])
    parser.add_argument("--compiler", default="gcc")
    parser.add_argument("out")
    options = parser.parse_args()
    folders = [options.include, os.path.join(options.include, "internal"), os.path.join(options.include, "internal", "mimalloc"), *options.also]
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as source:
        source.write(source_of(options.include))
        source.flush()
        command = [options.compiler, "-g", "-c", "-w", "-fno-eliminate-unused-debug-types", "-o", options.out]
        command += ["-I" + folder for folder in folders] + ["-D" + name for name in options.define] + [source.name]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
