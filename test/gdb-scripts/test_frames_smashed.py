"""A C stack that was overwritten up to the evaluator: the Python frames are found without it."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

import dead_processes  # noqa: E402

from inquest.report import python_answer  # noqa: E402

_CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "programs" / "smashes_stack.py"


@unittest.skipUnless(os.uname().machine == "x86_64", "the program overwrites the stack of x86-64")
class Smashed(unittest.TestCase):
    def test_the_frames_stand_where_the_links_on_the_c_stack_are_gone(self) -> None:
        # 10 KB: past the cframe of 3.11 and 3.12, and past the shims of 3.12 and later.
        program = _CORPUS.read_text(encoding="utf-8").replace('"0123456789abcdef")', '"0123456789abcdef" * 10)')
        with tempfile.TemporaryDirectory() as folder:
            for interpreter in dead_processes.interpreters():
                with self.subTest(interpreter=interpreter):
                    core = dead_processes.make_core(folder, interpreter, program)
                    answer = python_answer(dead_processes.manifest_of(core))
                    os.unlink(core)
                    functions = [frame["function"] for frame in answer["threads"][0]["frames"]]
                    self.assertEqual(functions, ["overflow", "handle", "<module>"])


if __name__ == "__main__":
    unittest.main()
