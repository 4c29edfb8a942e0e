"""Damaged memory: what is readable is told, nothing raises, and no read is spent without end."""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from damaged_core import DamagedCore  # noqa: E402
from inquest.core_file import open_core  # noqa: E402
from inquest.frames.chain import thread_chain  # noqa: E402
from inquest.frames.image import Image  # noqa: E402
from inquest.memory import Reader  # noqa: E402
from inquest.objects.values import Values  # noqa: E402
from inquest.report import answer_from  # noqa: E402
from inquest.runtime import find_runtime  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAM = (Path(__file__).parent / "programs" / "all_kinds.py").read_text(encoding="utf-8")
DEEP = """
import ctypes, sys, threading
sys.setrecursionlimit(1000000)
threading.stack_size(512 << 20)
def even(number, kept):
    if number == 0:
        ctypes.string_at(0)
    return odd(number - 1, kept)
def odd(number, kept):
    return even(number - 1, kept)
thread = threading.Thread(target=even, args=(20000, [1, 2]))
thread.start()
thread.join()
"""
ROUNDS = 6


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="inquest-damage-")
        cls.deaths = [python.die(PROGRAM, cls.folder) for python in pythons()]

    @classmethod
    def tearDownClass(cls):
        for death in cls.deaths:
            shutil.rmtree(death.folder)
        shutil.rmtree(cls.folder)

    def cases(self):
        """(death, manifest, damaged core, runtime, image) of each dead process, undamaged yet."""
        found = []
        for death in self.deaths:
            manifest = death.manifest()
            core = DamagedCore(open_core(manifest))
            self.addCleanup(core.close)
            reader = Reader(core)
            runtime = find_runtime(reader, core, manifest)
            found.append((death, manifest, core, runtime, Image(reader, runtime.layouts, Values(reader, runtime.layouts))))
        return found

    def crashed_state(self, image, runtime):
        """The thread state that has most frames: that of the thread that died."""
        states, address = [], runtime.main.threads_head
        while address:
            states.append(address)
            address = image.pointer(address, "PyThreadState", "next")
        return max(states, key=lambda state: len(thread_chain(image, state).frames)), states

    def test_a_cyclic_chain_of_frames_ends_and_says_so(self):
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                state, states = self.crashed_state(image, runtime)
                frames = thread_chain(image, state).frames
                old = image.layouts.has("PyThreadState", "frame")
                back = image.layouts.offset("PyFrameObject", "f_back") if old else image.layouts.offset("_PyInterpreterFrame", "previous")
                core.write(frames[-1].address + back, frames[2].address)
                answer = answer_from(core, manifest)
                thread = answer["threads"][states.index(state)]
                self.assertTrue(thread["truncated"])
                self.assertEqual(len(thread["frames"]), len(frames))
                self.assertEqual([each["code"] for each in answer["warnings"]], ["frames_incomplete"])
                self.assertIn("cyclic", answer["warnings"][0]["detail"])
                others = [each for each in answer["threads"] if each is not thread]
                self.assertFalse(any(each["truncated"] for each in others))

    def test_a_frame_that_cannot_be_read_keeps_those_inside_it(self):
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                state, states = self.crashed_state(image, runtime)
                frames = thread_chain(image, state).frames
                old = image.layouts.has("PyThreadState", "frame")
                back = image.layouts.offset("PyFrameObject", "f_back") if old else image.layouts.offset("_PyInterpreterFrame", "previous")
                core.write(frames[4].address + back, 0xDEAD0000DEAD0000)
                thread = answer_from(core, manifest)["threads"][states.index(state)]
                self.assertTrue(thread["truncated"])
                # From 3.11 on those outside it are found on the thread's data stack.
                self.assertEqual(len(thread["frames"]), 5 if old else len(frames))
                self.assertEqual(thread["frames"][1]["function"], "die")

    def test_a_stack_that_was_dumped_as_zeros_costs_no_python_frame_and_is_told(self):
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                waiting = [lwp for lwp in core.lwps if lwp != manifest["crashed_lwp"]]
                clean = answer_from(core, manifest)["threads"]
                for lwp in waiting:
                    sp, end = core.sp(lwp) & ~7, core.thread_pointer(lwp)
                    for address in range(sp, min(end, sp + 65536), 8):
                        core.write(address, 0)
                answer = answer_from(core, manifest)
                self.assertIn("stacks_not_dumped", [each["code"] for each in answer["warnings"]])
                for before, after in zip(clean, answer["threads"]):
                    self.assertEqual([each["function"] for each in after["frames"]], [each["function"] for each in before["frames"]])

    def test_a_code_object_that_is_lost_costs_its_own_frame_only(self):
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                state, states = self.crashed_state(image, runtime)
                clean = answer_from(core, manifest)["threads"][states.index(state)]["frames"]
                frames = thread_chain(image, state).frames
                name = image.layouts.offset("PyCodeObject", "co_name")
                core.write(frames[3].code + name, 8)
                found = answer_from(core, manifest)["threads"][states.index(state)]["frames"]
                self.assertEqual((found[3]["function"], found[3]["status"]), ("?", "partial"))
                self.assertEqual(found[3]["line"], clean[3]["line"])
                for index in (0, 1, 2, 4, 5):
                    if frames[index].code != frames[3].code:
                        self.assertEqual(found[index], clean[index])

    def test_names_and_tables_that_became_zeros_are_holes(self):
        """Zeros look like empty strings and like a table without entries, which would give the function's first line."""
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                state, states = self.crashed_state(image, runtime)
                code = thread_chain(image, state).frames[3].code
                table = "co_linetable" if image.layouts.has("PyCodeObject", "co_linetable") else "co_lnotab"
                for field in ("co_name", "co_filename", table):
                    at = image.pointer(code, "PyCodeObject", field)
                    for word in range(at, at + 64, 8):
                        core.write(word, 0)
                found = answer_from(core, manifest)["threads"][states.index(state)]["frames"][3]
                self.assertEqual((found["function"], found["file"], found["line"], found["status"]), ("?", None, None, "partial"))

    def test_a_freed_thread_state_is_told_and_the_crashed_thread_is_still_there(self):
        for death, manifest, core, runtime, image in self.cases():
            with self.subTest(python=death.python.path):
                state, states = self.crashed_state(image, runtime)
                # The newest of the waiting threads: it stands before the one that died.
                core.write(states[1] + image.layouts.offset("PyThreadState", "interp"), 0xDDDDDDDDDDDDDDDD)
                answer = answer_from(core, manifest)
                self.assertIn("threads_incomplete", [each["code"] for each in answer["warnings"]])
                self.assertGreaterEqual(len(answer["threads"]), 1)
                if image.layouts.has("PyInterpreterState", "ceval.gil") or image.layouts.has("_PyRuntimeState", "gilstate.tstate_current"):
                    self.assertIn("die", [each["function"] for thread in answer["threads"] for each in thread["frames"]])

    def test_random_damage_never_raises_and_never_costs_much_more(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        for death, manifest, core, runtime, image in self.cases():
            core.seen, core.reads = set(), 0
            answer_from(core, manifest)
            clean_reads, words = core.reads, sorted(core.seen)
            core.seen = None
            with self.subTest(python=death.python.path, seed=seed):
                # What leads to the interpreter stays: its search has its own tests and may scan everything.
                spared = (runtime.address, runtime.main.address)
                for _ in range(ROUNDS):
                    damaged = DamagedCore(core)
                    for _ in range(source.choice((1, 10, 200))):
                        word = source.choice(words)
                        if not any(start <= word < start + 300_000 for start in spared if start):
                            damaged.write(word, source.choice((0, 1, 1 << 62, -1, word, source.choice(words), source.getrandbits(64))))
                    answer = answer_from(damaged, manifest)
                    json.dumps(answer)
                    self.assertEqual([each for each in answer["warnings"] if each["code"] == "section_failed"], [])
                    if answer["python"] is not None:
                        self.assertLess(damaged.reads, 20 * clean_reads + 1_000_000)

    def test_pages_that_are_gone_leave_holes_and_no_exception(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        for death, manifest, core, runtime, image in self.cases():
            state, _ = self.crashed_state(image, runtime)
            core.seen = set()
            thread_chain(image, state)
            answer_from(core, manifest)
            pages = sorted({word // 4096 for word in core.seen} - {runtime.main.address // 4096, (runtime.address or 0) // 4096})
            core.seen = None
            with self.subTest(python=death.python.path, seed=seed):
                for _ in range(ROUNDS):
                    damaged = DamagedCore(core)
                    for page in source.sample(pages, min(len(pages), source.choice((1, 20)))):
                        damaged.hide(page)
                    answer = answer_from(damaged, manifest)
                    json.dumps(answer)
                    failed = [each["detail"] for each in answer["warnings"] if each["code"] == "section_failed"]
                    self.assertTrue(all(each.startswith("runtime: MemoryFault") for each in failed), failed)
                    # The interpreter itself may be among what is gone; then the answer says why there is none.
                    self.assertNotEqual(answer["python"] is None, answer["python_missing_reason"] is None)
                    self.assertTrue(answer["threads"] or answer["warnings"] or answer["python"] is None)

    def test_a_deep_recursion_is_folded_and_read_in_one_read_a_frame(self):
        for python in pythons()[:3]:
            with self.subTest(python=python.path):
                death = python.die(DEEP, self.folder)
                manifest = death.manifest()
                with open_core(manifest) as opened:
                    core = DamagedCore(opened)
                    answer = answer_from(core, manifest)
                shutil.rmtree(death.folder)
                frames = max((thread["frames"] for thread in answer["threads"]), key=lambda rows: any(row["kind"] == "folded" for row in rows))
                folds = [row for row in frames if row["kind"] == "folded"]
                self.assertEqual(len(folds), 1)
                self.assertEqual(folds[0]["cycle"], 2)
                shown = sum(row["kind"] == "python" and row["function"] in ("even", "odd") for row in frames)
                self.assertEqual(2 * folds[0]["count"] + shown, 20001)
                self.assertLess(len(frames), 30)
                self.assertLess(core.reads, 4 * 20000 + 60_000)


if __name__ == "__main__":
    unittest.main()
