"""The interpreters that the tests of frames run against, and answers about the cores of programs that die in them.

By default these are the one that runs the tests and the system's own. ``INQUEST_TEST_PYTHONS`` names others: ``all`` for every
interpreter of the machine, or executables separated by colons, where ``ROOT//usr/bin/python3.14`` is one inside another
system's root, run with chroot; its cores are made below ``ROOT/tmp``.
"""

from __future__ import annotations

import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from dead_processes import interpreters, manifest_of
from inquest.layout.model import Layouts
from inquest.layout.tables import load
from inquest.report import python_answer


@dataclass(frozen=True)
class Python:
    """An executable, below ``root`` when it is another system's."""

    path: str
    root: Optional[str] = None

    def command(self, *arguments: str, cwd: str = "/") -> List[str]:
        """What runs it, in the folder ``cwd`` (of this system)."""
        if self.root is None:
            return [self.path, *arguments]
        inside = os.path.relpath(cwd, self.root) if cwd != "/" else "."
        return ["chroot", self.root, "/bin/sh", "-c", 'cd "/$0" && exec "$@"', inside, self.path, *arguments]

    def _asked(self, expression: str) -> Any:
        told = subprocess.run(self.command("-c", "import sys, sysconfig; print(%s)" % expression), check=True, capture_output=True).stdout
        return json.loads(told)

    @property
    def version(self) -> Tuple[int, int]:
        major, minor = self._asked("list(sys.version_info[:2])")
        return major, minor

    @property
    def free_threaded(self) -> bool:
        return bool(self._asked("int(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))"))

    def layouts(self) -> Layouts:
        """By the table of its release."""
        major, minor, micro = self._asked("list(sys.version_info[:3])")
        return load((major, minor, micro), free_threaded=self.free_threaded)

    def die(self, program: str, folder: Optional[str] = None, **environment: str) -> "Death":
        """Runs ``program`` until a signal ends it; ``environment`` comes on top of the tests' own."""
        work = tempfile.mkdtemp(dir=folder if self.root is None else os.path.join(self.root, "tmp"))
        with open(os.path.join(work, "program.py"), "w", encoding="utf-8") as file:
            file.write(program)
        return _core_of(self, self.command("program.py", cwd=work), work, {**os.environ, **environment})


@dataclass(frozen=True)
class Death:
    """A process that died: its folder and its core."""

    python: Python
    folder: str
    core: str

    def manifest(self) -> Dict[str, Any]:
        root = self.python.root or ""
        return manifest_of(self.core, lambda path: root + path if os.path.isfile(root + path) else None)

    def answer(self, **changes: Any) -> Dict[str, Any]:
        """The answer; ``changes`` are made to the manifest first."""
        return python_answer({**self.manifest(), **changes})

    def told(self, name: str = "told.json") -> Any:
        """What the program wrote before it died."""
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return json.load(file)


def die_in(python: Python, command: List[str], folder: str, environment: Dict[str, str]) -> Death:
    """Runs a program that embeds ``python`` until a signal ends it."""
    return _core_of(python, command, tempfile.mkdtemp(dir=folder), environment)


def _core_of(python: Python, command: List[str], work: str, environment: Dict[str, str]) -> Death:
    """``core_pattern`` must be relative."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    done = subprocess.run(
        command,
        cwd=work,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, unlimited),
        capture_output=True,
        timeout=300,
        check=False,
    )
    cores = glob.glob(os.path.join(work, "core*"))
    if len(cores) != 1:
        raise AssertionError("no core of %s: %s" % (command, done.stderr[-2000:].decode("utf-8", "replace")))
    return Death(python, work, cores[0])


def pythons() -> List[Python]:
    """Each once; at least the one that runs the tests."""
    told = os.environ.get("INQUEST_TEST_PYTHONS", "")
    named = interpreters() if told == "all" else [path for path in told.split(":") if path]
    usual = [path for path in (sys.executable, "/usr/bin/python3") if os.path.exists(path)]
    found = list({os.path.realpath(path) if "//" not in path else path: path for path in named or usual}.values())
    return [Python("/" + path.split("//", 1)[1], path.split("//", 1)[0]) if "//" in path else Python(path) for path in found]
