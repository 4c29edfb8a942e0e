"""Makes cores of real interpreters for the tests, and the manifest that ``gather`` would write for them."""

from __future__ import annotations

import glob
import os
import resource
import subprocess
import sys
import tempfile
from typing import Callable, Dict, List, Optional

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest import core_notes, elf  # noqa: E402

CRASH = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"


def interpreters() -> List[str]:
    """Every CPython of this machine worth a core: the system's, and pyenv's where there are any (``PYENV_ROOT``)."""
    found = [path for path in ("/usr/bin/python3",) if os.path.exists(path)]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for prefix in sorted(glob.glob(os.path.join(root, "versions", "*"))):
        version = os.path.basename(prefix).split(".")
        path = os.path.join(prefix, "bin", "python" + ".".join(version[:2]))
        if os.path.exists(path):
            found.append(path)
    return found


def make_core(folder: str, interpreter: str, program: str = CRASH, coredump_filter: Optional[int] = None, **environment: str) -> str:
    """Runs ``program`` until it dies and gives the path of its core. ``core_pattern`` must be relative."""

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if coredump_filter is not None:
            with open("/proc/self/coredump_filter", "w", encoding="ascii") as sink:
                sink.write("0x%x" % coredump_filter)

    work = tempfile.mkdtemp(dir=folder)
    subprocess.run(
        [interpreter, "-c", program], cwd=work, preexec_fn=limits, env=dict(os.environ, **environment), stderr=subprocess.DEVNULL, check=False
    )
    cores = glob.glob(os.path.join(work, "core*"))
    if len(cores) != 1:
        raise AssertionError("no core in %s: is core_pattern relative to the folder?" % work)
    return cores[0]


def manifest_of(core: str, find: Callable[[str], Optional[str]] = lambda path: path if os.path.isfile(path) else None) -> Dict:
    """The manifest of a core, each module's file found by ``find(path)``."""
    image = elf.open_elf(core)
    modules: Dict[str, Dict] = {}
    for mapped in core_notes.read_notes(image).files:
        file = find(mapped.path)
        module = modules.setdefault(mapped.path, {"path": mapped.path, "build_id": None, "file": file, "debug_file": None, "mappings": []})
        module["mappings"].append({"start": hex(mapped.start), "end": hex(mapped.end), "offset": mapped.offset})
    machine = image.machine
    image.close()
    return {
        "core": core,
        "machine": machine,
        "executable": None,
        "crashed_lwp": None,
        "modules": list(modules.values()),
        "frames_per_thread": 1000,
        "threads": 1000,
    }
