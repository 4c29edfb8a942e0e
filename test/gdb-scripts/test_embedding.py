"""Programs that embed Python under a name of their own, linked with the shared library or with the static one and stripped."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import dead_processes  # noqa: F401  (puts gdb-scripts on the path)
from interpreters import Death, Python, die_in, pythons

SOURCE = Path(__file__).parent / "programs" / "host.c"
NAMES = ("INCLUDEPY", "LIBDIR", "LDLIBRARY", "LIBPL", "LIBRARY", "LIBS", "SYSLIBS", "MODLIBS", "prefix")
ASK = "import json, sys, sysconfig; print(json.dumps([sysconfig.get_config_var(name) for name in sys.argv[1:]]))"


class Program(NamedTuple):
    what: str
    python: Python
    path: str
    prefix: str


def build(python: Python, folder: str) -> List[Program]:
    """The host with each library of ``python`` that can be linked here."""
    told = json.loads(subprocess.run(python.command("-c", ASK, *NAMES), check=True, capture_output=True).stdout)
    have: Dict[str, str] = {name: value or "" for name, value in zip(NAMES, told)}
    if not os.path.exists(os.path.join(have["INCLUDEPY"], "Python.h")):
        return []
    found = []
    system = "%s %s %s" % (have["LIBS"], have["SYSLIBS"], have["MODLIBS"])
    shared = os.path.join(have["LIBDIR"], have["LDLIBRARY"])
    static = os.path.join(have["LIBPL"], have["LIBRARY"])
    ways = {
        "shared": (shared, ["-g", "-pie", "-fPIE", "-Wl,-rpath," + have["LIBDIR"]]),
        "static": (static, ["-s", "-no-pie", "-fno-pie"]),
    }
    for what, (library, flags) in ways.items():
        # What links 2.7's static library with a program cannot import its own site.
        if not os.path.isfile(library) or (what == "shared" and ".so" not in library) or (what == "static" and python.version < (3, 0)):
            continue
        path = os.path.join(folder, "billing-%s-%d" % (what, len(os.listdir(folder))))
        command = ["gcc", "-O1", "-w", "-I" + have["INCLUDEPY"], *flags, str(SOURCE), "-o", path, library, *system.split(), "-ldl", "-lpthread", "-lm"]
        subprocess.run(command, check=True, capture_output=True)
        found.append(Program(what, python, path, have["prefix"]))
    return found


class Embedding(unittest.TestCase):
    folder: str
    programs: List[Program]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.mkdtemp(prefix="inquest-embedding-")
        cls.programs = [program for python in pythons() if python.root is None for program in build(python, cls.folder)]

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.folder)

    def die(self, program: Program, situation: str) -> Death:
        environment = dict(os.environ, PYTHONHOME=program.prefix, PYTHONDONTWRITEBYTECODE="1")
        return die_in(program.python, [program.path, situation], self.folder, environment)

    def answers(self, program: Program, situation: str) -> List[Dict[str, Any]]:
        """With the files, and with the core alone."""
        death = self.die(program, situation)
        try:
            return [death.answer(), death.answer(modules=[dict(module, file=None) for module in death.manifest()["modules"]])]
        finally:
            shutil.rmtree(death.folder)

    def stacks(self, answer: Dict[str, Any]) -> List[List[str]]:
        return [[frame["function"] for frame in thread["frames"]] for thread in answer["threads"] if thread["frames"]]

    def test_there_is_something_to_embed(self) -> None:
        self.assertTrue(self.programs, "install the headers of an interpreter at hand")

    def test_python_called_from_c_called_from_python_is_told(self) -> None:
        for program in self.programs:
            for answer in self.answers(program, "calls"):
                with self.subTest(python=program.python.path, what=program.what):
                    self.assertEqual(self.stacks(answer), [["inner", "outer", "<module>"]])

    def test_an_interpreter_of_its_own_on_the_same_thread_is_told(self) -> None:
        for program in self.programs:
            for answer in self.answers(program, "sub"):
                with self.subTest(python=program.python.path, what=program.what):
                    self.assertEqual(self.stacks(answer), [["inside", "<module>"]])
                    self.assertEqual(answer["python"]["interpreters"], 3)

    def test_a_python_that_was_finalized_is_told_to_hold_no_interpreter(self) -> None:
        for program in self.programs:
            answer = self.answers(program, "final")[0]
            with self.subTest(python=program.python.path, what=program.what):
                self.assertIsNone(answer["python"])
                # A stripped program names its runtime only by the section that 3.10 and newer have.
                told = program.what == "shared" or program.python.version >= (3, 10)
                self.assertIn("finalized" if told else "No CPython interpreter was found", answer["python_missing_reason"])


if __name__ == "__main__":
    unittest.main()
