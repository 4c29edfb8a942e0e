"""What tracemalloc knew: totals, top lines, where a frame's objects and damaged blocks were allocated; nothing where it did not trace."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from fake_memory import Builder, all_layouts  # noqa: E402
from inquest.frames.image import Image  # noqa: E402
from inquest.heap.tracemalloc import Config, Traces  # noqa: E402
from inquest.layout.tables import load_named  # noqa: E402
from inquest.memory import Reader  # noqa: E402
from inquest.objects.values import Values  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAMS = HERE.parent / "corpus" / "programs"


class Allocations(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-traced-")
        self.addCleanup(shutil.rmtree, self.folder)

    def answers(self, program: str, **environment: str) -> Iterator[Dict[str, Any]]:
        tried = 0
        for python in pythons():
            if python.version < (3, 6):
                continue
            tried += 1
            with self.subTest(python=python.path):
                answer = python.die(program, self.folder, **environment).answer()
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
            self.assertEqual((Path(told["top"][0]["file"]).name, lines[told["top"][0]["line"] - 1].strip()), ("program.py", "return [object() for _ in range(count)]"))
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

    def test_file_names_are_told_as_the_code_has_them(self):
        names = ["größe.py", "计算.py", "lone\udcff.py"]
        source = "import os, tracemalloc\ntracemalloc.start()\nkept = []\nfor name in %a:\n    exec(compile('kept.append([object() for _ in range(500)])', name, 'exec'))\nos.abort()\n"
        for answer in self.answers(source % names):
            self.assertLessEqual(set(names), {place["file"] for place in answer["python"]["tracemalloc"]["top"]})


class MadeTables(unittest.TestCase):
    """A table of one trace, as CPython 3.9 and newer lay it out."""

    def test_a_block_leads_to_its_lines_in_every_version(self):
        tried = 0
        for version, layouts in all_layouts():
            if layouts.has("_Py_hashtable_entry_t", "key") and layouts.has("traceback_t", "frames"):
                tried += 1
                with self.subTest(version):
                    files = [("größe.py", 7), ("lone\udcff.py", 1), ("/srv/app.py", 70000)]
                    traces, block = self.table(Builder(layouts), files)
                    self.assertEqual(traces.lookup(block), [{"file": file, "line": line} for file, line in files])
                    self.assertIsNone(traces.lookup(block + 16))
        self.assertGreater(tried, 8)

    def test_a_file_name_that_is_no_text_is_told_as_far_as_it_is(self):
        builder = Builder(load_named("3.15"))
        traces, block = self.table(builder, [("cut.py", 3)])
        name = builder.word_at(builder.word_at(builder.word_at(self.entry + 24) + 8) + 12)
        builder.memory.write(name, b"\xff\xc3")
        self.assertEqual(traces.lookup(block), [{"file": "\ufffd\ufffdt.py", "line": 3}])

    def table(self, builder: Builder, files: List[Tuple[str, int]]) -> Tuple[Traces, int]:
        layouts, word = builder.layouts, builder.word
        traceback = builder.memory.allocate(layouts.offset("traceback_t", "frames") + len(files) * layouts.size("frame_t"))
        builder.put(traceback, "traceback_t", "nframe", len(files))
        for index, (file, line) in enumerate(files):
            frame = traceback + layouts.offset("traceback_t", "frames") + index * layouts.size("frame_t")
            builder.put(frame, "frame_t", "filename", self.file(builder, file))
            builder.put(frame, "frame_t", "lineno", line)
        block = builder.memory.allocate(64)
        trace = builder.memory.allocate(2 * word)
        builder.words(trace, [64, traceback])
        self.entry = builder.memory.allocate(layouts.size("_Py_hashtable_entry_t"))
        builder.put(self.entry, "_Py_hashtable_entry_t", "key", block)
        builder.put(self.entry, "_Py_hashtable_entry_t", "value", trace)
        buckets = builder.memory.allocate(16 * word)
        builder.words(buckets + (block >> 4) % 16 * word, [self.entry])
        table = builder.memory.allocate(layouts.size("_Py_hashtable_t"))
        builder.put(table, "_Py_hashtable_t", "nbuckets", 16)
        builder.put(table, "_Py_hashtable_t", "buckets", buckets)
        reader = Reader(builder.memory)
        return Traces(Image(reader, layouts, Values(reader, layouts)), Config(table, None, None, None)), block

    def file(self, builder: Builder, name: str) -> int:
        if builder.version < (3, 15):
            return builder.text(name)
        raw = name.encode("utf-8", "surrogatepass") + b"\0"
        address = builder.memory.allocate(len(raw))
        builder.memory.write(address, raw)
        return address


if __name__ == "__main__":
    unittest.main()
