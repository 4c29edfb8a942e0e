"""The limits of the crashed thread: what the interpreter counts, what the C library gave it, and what is neither."""

from __future__ import annotations

import random
import shutil
import tempfile
import unittest
from typing import Any, Dict, List

from fake_memory import FakeMemory, all_layouts
from interpreters import pythons

from inquest.diagnose.limits import c_stack, depth, thread_stack
from inquest.frames.image import Image
from inquest.memory import Reader
from inquest.objects.values import Values

IN_THREAD = """
import json, os, sys, threading
sys.setrecursionlimit(500)
threading.stack_size(256 * 1024)
def descend(level):
    if level == 40:
        frame, depth = sys._getframe(), 0
        while frame: frame, depth = frame.f_back, depth + 1
        with open("told.json", "w") as out: json.dump({"frames": depth}, out)
        os.abort()
    descend(level + 1)
thread = threading.Thread(target=descend, args=(0,))
thread.start()
thread.join()
"""

IN_MAIN = "import os; os.abort()"

PTHREAD = 0x7F12_3456_0640
BLOCK, SIZE, GUARD = 0x7F12_3452_1000, 0x4_0000, 0x1000


def pthread(words: Dict[int, int]) -> Reader:
    memory = FakeMemory()
    memory.write(PTHREAD, bytes(2304))
    for at, word in words.items():
        memory.write(PTHREAD + 8 * at, word.to_bytes(8, "little"))
    return Reader(memory)


class RealProcesses(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_a_thread_tells_its_stack_and_how_deep_it_is(self) -> None:
        for python in pythons():
            with self.subTest(python=python.path):
                death = python.die(IN_THREAD, self.folder)
                facts = death.answer()["facts"]
                limits: Dict[str, Any] = facts["stack_limits"]
                stack = limits["thread_stack"]
                self.assertIn(stack["size"], (256 * 1024, 256 * 1024 - stack["guard"]))
                self.assertEqual(facts["recursion_limit"], 500)
                # C functions that call Python count too, in some versions.
                self.assertIn(limits["depth"] - death.told()["frames"], range(0, 8))
                self.assertEqual(limits["c_recursion_remaining"] is not None, python.version in ((3, 12), (3, 13)))
                self.assertEqual(limits["c_stack"] is not None, python.version >= (3, 14))

    def test_the_main_threads_stack_is_not_told_by_the_c_library(self) -> None:
        for python in pythons():
            with self.subTest(python=python.path):
                self.assertIsNone(python.die(IN_MAIN, self.folder).answer()["facts"]["stack_limits"]["thread_stack"])


class ThreadStack(unittest.TestCase):
    def test_is_what_glibc_and_musl_keep_in_their_struct_pthread(self) -> None:
        told = {"start": hex(BLOCK + GUARD), "size": SIZE - GUARD, "guard": GUARD}
        self.assertEqual(thread_stack(pthread({210: BLOCK, 211: SIZE, 212: GUARD, 213: GUARD}), PTHREAD), told)
        self.assertEqual(thread_stack(pthread({210: BLOCK, 211: SIZE}), PTHREAD), {"start": hex(BLOCK), "size": SIZE, "guard": 0})
        top = PTHREAD - 0x240
        musl = {9: BLOCK, 10: SIZE, 11: top, 12: top - BLOCK - GUARD, 13: GUARD}
        self.assertEqual(thread_stack(pthread(musl), PTHREAD), {"start": hex(BLOCK + GUARD), "size": top - BLOCK - GUARD, "guard": GUARD})

    def test_is_not_what_does_not_prove_itself(self) -> None:
        wrong: List[Dict[int, int]] = [
            {},
            {210: BLOCK, 211: SIZE, 212: GUARD},
            {210: BLOCK, 211: SIZE - 1, 212: GUARD, 213: GUARD},
            {210: BLOCK + 8, 211: SIZE, 212: GUARD, 213: GUARD},
            {210: BLOCK, 211: 0x3000, 212: GUARD, 213: GUARD},
            {210: BLOCK, 211: 1 << 30, 212: GUARD, 213: GUARD},
            {211: PTHREAD + 0x100000},
        ]
        for words in wrong:
            with self.subTest(words=words):
                self.assertIsNone(thread_stack(pthread(words), PTHREAD))

    def test_of_any_memory_is_bounded_and_holds_the_thread_itself(self) -> None:
        choice = random.Random(9)
        likely = [0, 1, GUARD, SIZE, BLOCK, PTHREAD, PTHREAD - 0x240, PTHREAD + 0x1000, (1 << 64) - 1, 1 << 41]
        for _ in range(400):
            told = thread_stack(pthread({at: choice.choice(likely) for at in range(choice.randrange(288))}), PTHREAD)
            if told is not None:
                start = int(told["start"], 16)
                self.assertTrue(0 < told["size"] <= 1 << 40 and start < PTHREAD < start + told["size"] + (1 << 16))
        self.assertIsNone(thread_stack(Reader(FakeMemory()), PTHREAD))


class Counts(unittest.TestCase):
    def test_of_any_thread_state_are_within_reason_or_not_told(self) -> None:
        choice = random.Random(3)
        for name, layouts in all_layouts():
            with self.subTest(layouts=name):
                memory = FakeMemory(layouts.pointer_size)
                reader = Reader(memory)
                image = Image(reader, layouts, Values(reader, layouts))
                state = memory.allocate(32768)
                for _ in range(50):
                    memory.write(state, bytes(choice.choice((0, 0xFF, choice.randrange(256))) for _ in range(2048)))
                    told = depth(image, state)
                    self.assertTrue(told is None or 0 <= told < 1 << 31)
                    stack = c_stack(image, state)
                    if stack is not None:
                        self.assertTrue(int(stack["hard_limit"], 16) <= int(stack["soft_limit"], 16) < int(stack["top"], 16))
                self.assertIsNone(depth(image, 64))


if __name__ == "__main__":
    unittest.main()
