"""Real objects that were given back too often, told by the memory alone; and healthy ones, however often they are held."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from interpreters import Python, pythons  # noqa: E402

PROGRAMS = HERE.parent / "corpus" / "programs"

# Large, so that nothing else takes the freed block.
ITEM = """
import ctypes
class Job(object):
    __slots__ = ["field%d" % number for number in range(50)]
class Shop(object): pass
shop = Shop()
shop.jobs = [Job() for _ in range(4)]
length, release = ctypes.pythonapi.PyObject_Size, ctypes.pythonapi.Py_DecRef
length.argtypes = release.argtypes = [ctypes.c_void_p]
address = id(shop.jobs[2])
release(address)
length(address)
"""

FEW = """
import ctypes
class Job(object): pass
release = ctypes.pythonapi.Py_DecRef
release.argtypes = [ctypes.py_object]
def use(thing):
    ctypes.string_at(0)
def give_back(job):
    release(job)
    release(job)
    use(job)
def work():
    job = Job()
    kept = [job]
    give_back(job)
work()
"""


class Refcounts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-refcounts-")
        self.addCleanup(shutil.rmtree, self.folder)

    def facts(self, program: str, least: Tuple[int, int] = (2, 7), **environment: str) -> Iterator[Tuple[Python, Optional[List[Dict[str, Any]]]]]:
        tried = 0
        for python in pythons():
            if python.version < least or python.free_threaded:
                continue
            tried += 1
            with self.subTest(python=python), mock.patch.dict(os.environ, environment):
                answer = python.die(program, self.folder).answer()
                self.assertNotIn("refcounts", [warning["code"] for warning in answer["warnings"]])
                yield python, answer["facts"].get("refcounts")
        self.assertTrue(tried, "no interpreter to try")

    def test_a_variable_that_refers_to_freed_memory_is_named(self):
        for _, found in self.facts((PROGRAMS / "over_released.py").read_text(encoding="utf-8"), (3, 6), PYTHONMALLOC="debug"):
            assert found is not None
            self.assertEqual((found[0]["variable"], found[0]["function"], found[0]["frame"], found[0]["reason"]), ("job", "work", 0, "freed"))
            self.assertIsNotNone(found[0]["register"])

    def test_freed_memory_that_a_container_still_holds_is_found_through_a_register(self):
        for _, found in self.facts(ITEM, (3, 6), PYTHONMALLOC="debug"):
            assert found is not None
            self.assertEqual((found[0]["variable"], found[0]["reason"], found[0]["owners"][0]["where"]), (None, "freed", "item 2"))

    def test_fewer_references_than_variables_are_told(self):
        """Up to 3.10 a call keeps references of its own, which make up for those that are missing."""
        for _, found in self.facts(FEW, (3, 11)):
            assert found is not None
            self.assertEqual((found[0]["type"], found[0]["function"]), ("__main__.Job", "use"))
            self.assertIn(found[0]["reason"], ("too_few", "no_references", "freed"))

    def test_objects_that_are_held_often_are_not(self):
        for name in ("objects_held_often.py", "null_dereference.py", "closures.py", "in_destructor.py", "generators.py"):
            for _, found in self.facts((PROGRAMS / name).read_text(encoding="utf-8")):
                self.assertIsNone(found, name)


if __name__ == "__main__":
    unittest.main()
