"""Stacks of real dead processes, held to what each interpreter said of itself just before it died."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from interpreters import pythons  # noqa: E402

PROGRAM = (Path(__file__).parent / "programs" / "all_kinds.py").read_text(encoding="utf-8")


class RealStacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="inquest-frames-")
        cls.cases = []
        for python in pythons():
            death = python.die(PROGRAM, cls.folder)
            cls.cases.append((python, death.answer(), death.told()))
            os.unlink(death.core)
            if python.root is not None:
                shutil.rmtree(death.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def each_thread(self):
        """(python, version, thread of the answer, stack as told, whether it is the one that died)."""
        for python, answer, told in self.cases:
            self.assertIsNone(answer["python_missing_reason"])
            version = tuple(map(int, answer["python"]["version"].split(".")[:2]))
            by_id = {str(int(thread["python_thread_id"], 16)): thread for thread in answer["threads"]}
            self.assertEqual(set(by_id), set(told["stacks"]), python.path)
            for ident, stack in told["stacks"].items():
                yield python, version, by_id[ident], stack, ident == told["crashed"]

    def test_nothing_is_warned_of(self):
        for python, answer, _ in self.cases:
            self.assertEqual(answer["warnings"], [], python.path)

    def test_functions_files_lines_and_columns_are_the_interpreters_own(self):
        for python, version, thread, stack, crashed in self.each_thread():
            frames = [[f["function"], f["qualname"], f["file"], f["line"]] for f in thread["frames"]]
            spans = [[f["line"], f["end_line"], f["column"], f["end_column"]] for f in thread["frames"]]
            told = [row[0][:4] for row in stack]
            told_spans = [row[0][4] for row in stack]
            if crashed:
                # The innermost told frame is die(): it has moved on to string_at().
                self.assertEqual(frames[0][0], "string_at", python.path)
                self.assertEqual(frames[1][:3], told[0][:3], python.path)
                frames, spans, told, told_spans = frames[2:], spans[2:], told[1:], told_spans[1:]
            self.assertEqual(frames, told, python.path)
            if version >= (3, 11):
                self.assertEqual(spans, told_spans, python.path)
            self.assertFalse(thread["truncated"])
            self.assertEqual({f["status"] for f in thread["frames"]}, {"ok"}, python.path)

    def test_locals_read_as_the_interpreter_prints_them(self):
        for python, _, thread, stack, crashed in self.each_thread():
            frames = thread["frames"][2:] if crashed else thread["frames"]
            for frame, (_, variables) in zip(frames, stack[1:] if crashed else stack):
                if frame["function"] == "<module>":
                    continue
                found = {each["name"]: each["repr"] for each in frame["locals"]}
                for name, text in variables.items():
                    self.assertEqual(found.get(name), text, "%s: %s.%s" % (python.path, frame["function"], name))
                self.assertNotIn("unbound", found)

    def test_threads_have_their_names_lwps_and_the_gil(self):
        for python, answer, told in self.cases:
            free_threaded = answer["python"]["build"]["free_threaded"]
            for thread in answer["threads"]:
                ident = str(int(thread["python_thread_id"], 16))
                crashed = ident == told["crashed"]
                self.assertEqual(thread["name"], told["names"][ident], python.path)
                self.assertEqual(thread["lwp"], told["pid"] if crashed else told["lwps"][ident] or thread["lwp"], python.path)
                self.assertEqual(thread["holds_gil"], None if free_threaded else crashed, python.path)
                self.assertEqual(thread["interpreter_id"], 0)
            self.assertEqual(len({thread["lwp"] for thread in answer["threads"]}), 4, python.path)
            self.assertEqual(answer["python"]["gil_holder_lwp"], None if free_threaded else told["pid"], python.path)

    def test_entries_are_marked_and_tied_to_the_c_stack(self):
        for python, version, thread, _, _ in self.each_thread():
            frames = thread["frames"]
            self.assertTrue(frames[-1]["entry"], python.path)
            if version < (3, 11):
                self.assertEqual({f["entry"] for f in frames}, {True}, python.path)
            anchors = [int(f["anchor"], 16) for f in frames if f["anchor"] is not None]
            # The C stack grows downwards: further out is higher.
            self.assertEqual(anchors, sorted(anchors), python.path)
            if version >= (3, 10):
                self.assertEqual(len(anchors), sum(f["entry"] for f in frames), python.path)
            if version >= (3, 11):
                self.assertTrue(all(f["entry"] for f in frames if f["anchor"]))

    def test_the_exception_being_handled_is_told_with_its_chain(self):
        for python, version, thread, _, crashed in self.each_thread():
            if not crashed:
                self.assertIsNone(thread["exception"], python.path)
                continue
            found = thread["exception"]
            self.assertEqual((found["type"], found["message"], found["handled"]), ("IndexError", "list index out of range", True), python.path)
            chain = [{"relation": "context", "type": "KeyError", "message": "'first'"}] if version >= (3,) else []
            self.assertEqual(found["chain"], chain, python.path)


if __name__ == "__main__":
    unittest.main()
