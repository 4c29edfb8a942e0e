"""Threads whose interpreter is overwritten, or lies where a core was cut."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from damaged_core import DamagedCore  # noqa: E402
from inquest.core_file import open_core  # noqa: E402
from inquest.memory import Reader  # noqa: E402
from inquest.report import answer_from  # noqa: E402
from inquest.runtime import find_runtime  # noqa: E402
from inquest.sysdict import fields_of  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAM = """
import os, signal, threading
held = threading.Lock()
held.acquire()
started = threading.Semaphore(0)
def inner(depth):
    if depth:
        return inner(depth - 1)
    started.release()
    held.acquire()
def worker():
    inner(3)
for _ in range(3):
    thread = threading.Thread(target=worker)
    thread.daemon = True
    thread.start()
    started.acquire()
def crash():
    os.kill(os.getpid(), signal.SIGABRT)
crash()
"""
GARBAGE = 0x5A5A5A5A5A5A5A58


def stacks(answer):
    return sorted((thread["lwp"], [frame["function"] for frame in thread["frames"]]) for thread in answer["threads"])


class Lost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="inquest-lost-")
        cls.deaths = [python.die(PROGRAM, cls.folder) for python in pythons()]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def cases(self):
        """(version, damaged core, manifest, runtime, what is told of the whole core)."""
        for death in self.deaths:
            manifest = death.manifest()
            core = DamagedCore(open_core(manifest))
            runtime = find_runtime(Reader(core), core, manifest)
            with self.subTest(version=runtime.version_text):
                yield core, manifest, runtime, answer_from(core, manifest)
            core.close()

    def test_an_overwritten_interpreter_costs_no_thread_its_stack(self):
        for core, manifest, runtime, whole in self.cases():
            at = runtime.main.address
            for names in (("threads.head", "tstate_head"), ("imports.modules", "modules"), ("sysdict",), ("builtins",), ("next",)):
                core.write(at + fields_of(runtime.layouts, "PyInterpreterState", *names), GARBAGE)
            told = answer_from(core, manifest)
            self.assertEqual(stacks(told), stacks(whole))
            self.assertEqual(len(told["threads"]), 4)
            self.assertEqual(told["python"]["version"].split(".")[:2], whole["python"]["version"].split(".")[:2])
            self.assertTrue(any("overwritten" in each["detail"] for each in told["warnings"]))
            # Nothing is told by what was overwritten.
            self.assertIsNone(told["python"]["finalizing"])
            self.assertIsNone(told["python"]["gil_holder_lwp"])

    def test_a_list_of_threads_that_became_empty_costs_none_its_stack(self):
        for core, manifest, runtime, whole in self.cases():
            core.write(runtime.main.address + fields_of(runtime.layouts, "PyInterpreterState", "threads.head", "tstate_head"), 0)
            self.assertEqual(stacks(answer_from(core, manifest)), stacks(whole))

    def test_a_thread_state_that_the_list_does_not_reach_is_found(self):
        for core, manifest, runtime, whole in self.cases():
            second = Reader(core).pointer(runtime.main.threads_head + runtime.layouts.offset("PyThreadState", "next"))
            for name in ("next", "interp"):
                core.write(second + runtime.layouts.offset("PyThreadState", name), GARBAGE)
            told = answer_from(core, manifest)
            self.assertEqual(len(told["threads"]), 3)
            self.assertTrue(all(stack in stacks(whole) for stack in stacks(told)))


if __name__ == "__main__":
    unittest.main()
