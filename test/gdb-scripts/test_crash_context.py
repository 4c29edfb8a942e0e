"""In the middle of what the crashed thread was, of real processes, and what must not be taken for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from typing import Any, Dict

from interpreters import pythons

HANDLERS = """
import os, signal, sys
class Watch(object):
    def handle(self, number, frame): os.abort()
chosen = {"method": Watch().handle, "packed": lambda *arguments: os.abort(), "over": lambda number, frame: None}[%r]
signal.signal(signal.SIGUSR1, chosen)
def work():
    os.kill(os.getpid(), signal.SIGUSR1)
    for _ in range(100000): pass
    os.abort()
work()
"""

CHAIN = """
import os, sys
for name, text in (("outer_one", "import inner_one"), ("inner_one", "import %s")):
    with open(name + ".py", "w") as out: out.write(text)
sys.path.insert(0, os.getcwd())
import json
import outer_one
"""

AFTER = """
import os, threading, time
import json, tempfile
for daemon, name in ((True, "daemon"), (False, "worker")):
    thread = threading.Thread(target=time.sleep, args=(1000,), name=name)
    thread.daemon = daemon
    thread.start()
os.abort()
"""


class CrashContext(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def context(self, python: Any, program: str) -> Dict[str, Any]:
        answer = python.die(program, self.folder).answer()
        self.assertEqual([warning for warning in answer["warnings"] if "crash_context" in warning["detail"]], [])
        return answer["facts"]["crash_context"]

    def test_a_signals_handler_is_told_by_its_arguments(self) -> None:
        for python in pythons():
            for kind, function in (("method", "handle"), ("packed", "<lambda>")):
                with self.subTest(python=python.path, kind=kind):
                    handler = self.context(python, HANDLERS % kind)["handler"]
                    self.assertEqual((handler["signal"], handler["function"].split(".")[-1]), (10, function))
            with self.subTest(python=python.path):
                self.assertIsNone(self.context(python, HANDLERS % "over")["handler"])

    def test_the_extension_whose_init_runs_is_told_with_the_chain(self) -> None:
        source = "extern void abort(void); void *PyInit_broken(void) { abort(); return 0; }"
        library = os.path.join(self.folder, "broken.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=source.encode(), check=True)
        program = "import sys; sys.path.insert(0, %r)" % self.folder + CHAIN % "broken"
        for python in pythons():
            if python.version[0] == 2:
                continue
            with self.subTest(python=python.path):
                context = self.context(python, program)
                self.assertEqual(context["imports"], ["outer_one", "inner_one", "broken"])
                self.assertEqual(context["extension"], {"name": "broken", "path": library, "phase": "create"})

    def test_after_the_imports_nothing_is_left_of_them(self) -> None:
        for python in pythons():
            with self.subTest(python=python.path):
                context = self.context(python, AFTER)
                self.assertEqual((context["imports"], context["extension"], context["handler"], context["destructors"]), ([], None, None, []))
                self.assertEqual([daemon["name"] for daemon in context["daemons"]], ["daemon"])


if __name__ == "__main__":
    unittest.main()
