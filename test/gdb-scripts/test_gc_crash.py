"""Real crashes in the garbage collector, told by the memory alone; and crashes of code that a collection runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from inquest.diagnose.gc_crash import _proved  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAMS = HERE.parent / "corpus" / "programs"


# What chain() holds is not among the referents that are known by type: its memory is searched for words.
WORD = """
import ctypes, gc, itertools
buffer = ctypes.create_string_buffer(4096)
gone = (ctypes.addressof(buffer) + 255) // 256 * 256
walk = itertools.chain([1])
ctypes.c_size_t.from_address(id(walk) + 16).value = %s
gc.collect()
"""


class GcCrashes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-gc-")
        self.addCleanup(shutil.rmtree, self.folder)

    def facts(self, name: str, least: Tuple[int, int] = (2, 7), **environment: str) -> Iterator[Optional[Dict[str, Any]]]:
        """The fact of each interpreter; ``name`` is a program's of the corpus, or the program itself."""
        tried = 0
        for python in pythons():
            if python.version < least:
                continue
            tried += 1
            with self.subTest(python=python.path):
                program = (PROGRAMS / name).read_text(encoding="utf-8") if name.endswith(".py") else name
                answer = python.die(program, self.folder, **environment).answer()
                self.assertNotIn("gc_crash", [warning["code"] for warning in answer["warnings"]])
                yield answer["facts"].get("gc_crash")
        self.assertTrue(tried, "no interpreter to try")

    def test_an_overwritten_item_is_found_with_its_list_and_the_owner_of_that(self):
        for fact in self.facts("gc_trashed_item.py"):
            self.assertIsNotNone(fact)
            assert fact is not None
            self.assertEqual((fact["container"]["type"], fact["slot"], fact["visited"]["state"]), ("list", "item 3", "overwritten"))
            self.assertEqual(fact["visited"]["text"], "no order")
            self.assertTrue(fact["in_interpreter"])
            self.assertIn("'orders'", fact["owners"][0]["where"])
            self.assertEqual(fact["owners"][-1]["name"], "module __main__")

    def test_memory_that_was_freed_while_a_list_still_held_it_is_told(self):
        for fact in self.facts("gc_over_released.py", (3, 6), PYTHONMALLOC="debug"):
            self.assertIsNotNone(fact)
            assert fact is not None
            self.assertEqual((fact["container"]["type"], fact["slot"], fact["visited"]["state"]), ("list", "item 2", "freed"))
            self.assertEqual(fact["owners"][0]["where"], "value of 'queue'")

    def test_an_overwritten_link_is_told_with_the_object_that_it_belongs_to(self):
        for fact in self.facts("gc_trashed_links.py"):
            self.assertIsNotNone(fact)
            assert fact is not None
            self.assertIsNone(fact["container"])
            self.assertEqual((fact["broken_link"]["object"]["type"], fact["broken_link"]["looks_like_text"]), ("list", True))
            self.assertEqual([step["where"] for step in fact["owners"]], ["item 1", "value of 'kept'"])

    def test_what_a_word_of_an_object_leads_to_is_told_where_the_fault_was_about_it(self):
        for pointer, state in (("gone", "null_type"), ("0x6c6c6f20656d6f73", "misaligned"), ("0x7fff12345670", "unmapped")):
            for fact in self.facts(WORD % pointer, (3, 11)):
                self.assertIsNotNone(fact)
                assert fact is not None
                self.assertEqual((fact["container"]["type"], fact["slot"], fact["visited"]["state"]), ("itertools.chain", "the word at offset 16", state))

    def test_a_word_that_the_fault_was_not_about_is_not_told(self):
        # Cleared memory that a register holds is not yet what the collector fell over: the fault is elsewhere.
        by_value = {0x2000: "rdi"}
        self.assertTrue(_proved(None, 0x2000, "null_type", by_value, 0xA9))
        self.assertFalse(_proved(None, 0x2000, "null_type", by_value, 0x7F0000001000))
        self.assertFalse(_proved(None, 0x2000, "null_type", by_value, -1))
        self.assertFalse(_proved(None, 0x3000, "null_type", by_value, 0xA9))

    def test_finalizers_and_callbacks_are_not_the_collector(self):
        for name in ("gc_finalizer.py", "gc_callback.py"):
            for fact in self.facts(name, (3, 6)):
                self.assertIsNone(fact, name)

    def test_a_crash_outside_of_a_collection_costs_no_search(self):
        for fact in self.facts("null_dereference.py"):
            self.assertIsNone(fact)


if __name__ == "__main__":
    unittest.main()
