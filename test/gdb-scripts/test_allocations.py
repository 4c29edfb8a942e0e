"""What tracemalloc knew: totals, top lines, where a frame's objects and damaged blocks were allocated; nothing where it did not trace."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from dead_processes import make_core, manifest_of  # noqa: E402
from inquest.report import python_answer  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAMS = HERE.parent / "corpus" / "programs"


class Allocations(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-traced-")
        self.addCleanup(shutil.rmtree, self.folder)

    def answers(self, program: str, **environment: str) -> Iterator[Dict[str, Any]]:
        tried = 0
        for python in pythons():
            if python.root is not None or python.version < (3, 6):
                continue
            tried += 1
            with self.subTest(python=python.path):
                answer = python_answer(manifest_of(make_core(self.folder, python.path, program, **environment)))
                self.assertNotIn("tracemalloc", [warning["code"] for warning in answer["warnings"]])
                yield answer
        self.assertTrue(tried, "no interpreter to try")

    def test_the_line_that_holds_most_memory_comes_first_and_locals_tell_their_origin(self):
        program = (PROGRAMS / "traced.py").read_text(encoding="utf-8")
        lines = program.split("\n")
        for answer in self.answers(program):
            told = answer["python"]["tracemalloc"]
            self.assertIsNotNone(told)
            self.assertTrue(told["whole"])
            self.assertEqual((told["top"][0]["file"], lines[told["top"][0]["line"] - 1].strip()), ("<string>", "return [object() for _ in range(count)]"))
            self.assertGreater(told["top"][0]["count"], 2_900)
            self.assertIn(told["traceback_limit"], (4, None))
            cart = next(each for each in told["objects"] if each["name"] == "cart")
            self.assertEqual([lines[place["line"] - 1].split("#")[0].strip() for place in cart["allocated_at"]], ["cart = Cart()", "fill()"])

    def test_a_damaged_block_tells_where_it_was_allocated(self):
        program = (PROGRAMS / "debug_overrun.py").read_text(encoding="utf-8")
        line = next(number for number, text in enumerate(program.split("\n"), 1) if "PyMem_Malloc(24)" in text)
        for answer in self.answers(program, PYTHONMALLOC="debug", PYTHONTRACEMALLOC="3"):
            damaged = answer["facts"]["debug_blocks"]["damaged"]
            self.assertIn(line, [place["line"] for block in damaged for place in block["allocated_at"] or []])

    def test_a_process_that_did_not_trace_has_none(self):
        for answer in self.answers("import tracemalloc, os, signal\nos.kill(os.getpid(), signal.SIGABRT)\n"):
            self.assertIsNone(answer["python"]["tracemalloc"])

    def test_a_process_that_stopped_tracing_has_none(self):
        for answer in self.answers("import tracemalloc, os, signal\ntracemalloc.start()\nx = [[] for _ in range(9)]\ntracemalloc.stop()\nos.kill(os.getpid(), signal.SIGABRT)\n"):
            self.assertIsNone(answer["python"]["tracemalloc"])


if __name__ == "__main__":
    unittest.main()
