"""Every block of the heap verified on request: damage far from the crash is found, a sound heap is not accused."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from interpreters import pythons  # noqa: E402

OVERRUN = """
import ctypes, os, signal
api = ctypes.pythonapi
api.PyMem_Malloc.restype = ctypes.c_void_p
api.PyMem_Malloc.argtypes = [ctypes.c_size_t]
kept = [api.PyMem_Malloc(40) for _ in range(50)]
def damage():
    ctypes.memset(kept[20], 0x41, 42)
damage()
def sleep_well():
    for _ in range(20):
        hash(tuple(range(10)))
sleep_well()
os.kill(os.getpid(), signal.SIGABRT)
"""
SOUND = "import os, signal\nkept = [bytearray(n) for n in range(3000)]\nos.kill(os.getpid(), signal.SIGABRT)\n"


class HeapChecks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-heap-")
        self.addCleanup(shutil.rmtree, self.folder)

    def answers(self, program: str, **options: bool) -> Iterator[Tuple[Tuple[int, int], Dict[str, Any]]]:
        tried = 0
        for python in pythons():
            if python.version < (3, 8):
                continue
            tried += 1
            with self.subTest(python=python.path):
                answer = python.die(program, self.folder, PYTHONMALLOC="debug").answer(options=options)
                self.assertNotIn("heap_check", [warning["code"] for warning in answer["warnings"]])
                yield python.version, answer["facts"]
        self.assertTrue(tried, "no interpreter to try")

    def test_a_block_that_nobody_looked_at_is_found(self):
        for _, facts in self.answers(OVERRUN, heap_check=True):
            found = facts["heap_check"]
            self.assertGreater(found["blocks"], 5_000)
            self.assertTrue(found["whole"])
            trailing = {block["trailing"][:8]: block for block in found["damaged"]}
            self.assertIn("4141fdfd", trailing)
            self.assertEqual((trailing["4141fdfd"]["size"], trailing["4141fdfd"]["api"]), (40, "m"))

    def test_a_sound_heap_has_no_damage(self):
        for _, facts in self.answers(SOUND, heap_check=True):
            self.assertEqual(facts["heap_check"]["damaged"], [])
            self.assertGreater(facts["heap_check"]["blocks"], 5_000)

    def test_without_being_asked_the_heap_is_left_alone(self):
        for _, facts in self.answers(SOUND):
            self.assertNotIn("heap_check", facts)


if __name__ == "__main__":
    unittest.main()
