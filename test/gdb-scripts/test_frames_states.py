"""The state of an interpreter at its death: imports, collector, exceptions, flags, namespaces."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from interpreters import pythons  # noqa: E402

PROGRAM = (Path(__file__).parent / "programs" / "states.py").read_text(encoding="utf-8")


class States(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-states-")
        self.addCleanup(shutil.rmtree, self.folder)

    def answers(self, state, least=(2, 7)):
        """(version, answer) of each interpreter, once dead in ``state``."""
        found = []
        program = PROGRAM if least > (2, 7) else PROGRAM.replace(" from error", "")
        for python in pythons():
            version = python.version
            if version >= least:
                death = python.die("%s\n%s()\n" % (program, state), self.folder)
                found.append((version, death.answer()))
                shutil.rmtree(death.folder)
        self.assertTrue(found, "no interpreter to try")
        return found

    def test_modules_whose_import_has_begun_are_told_outermost_first(self):
        for version, answer in self.answers("importing"):
            with self.subTest(version=version):
                self.assertEqual(answer["python"]["modules_imported"], ["package", "package.inner"])

    def test_no_module_is_being_imported_otherwise(self):
        for version, answer in self.answers("os_error"):
            with self.subTest(version=version):
                self.assertEqual(answer["python"]["modules_imported"], [])

    def test_a_running_collection_is_told(self):
        for version, answer in self.answers("collecting", (3, 4)):
            with self.subTest(version=version):
                self.assertTrue(answer["python"]["gc"]["collecting"])
                self.assertEqual([f["function"] for f in answer["threads"][0]["frames"]][1:4], ["die", "__del__", "collecting"])

    def test_the_collectors_switch_and_thresholds_are_told(self):
        for version, answer in self.answers("disabled_gc"):
            with self.subTest(version=version):
                found = answer["python"]["gc"]
                self.assertEqual((found["enabled"], found["collecting"]), (False, False))
                self.assertEqual(found["thresholds"][:2], [123, 4])
                self.assertEqual(len(found["counts"]), 3)

    def test_finalization_is_told(self):
        for version, answer in self.answers("finalizing", (3, 4)):
            with self.subTest(version=version):
                self.assertTrue(answer["python"]["finalizing"])
                self.assertEqual([f["function"] for f in answer["threads"][0]["frames"]][-1], "__del__")

    def test_an_interpreter_at_work_is_not_finalizing(self):
        for version, answer in self.answers("propagating"):
            with self.subTest(version=version):
                self.assertFalse(answer["python"]["finalizing"])

    def test_a_propagating_exception_is_not_called_handled(self):
        for version, answer in self.answers("propagating"):
            with self.subTest(version=version):
                found = answer["threads"][0]["exception"]
                self.assertEqual((found["type"], found["handled"]), ("ValueError", False))
                self.assertEqual(found["message"], "invalid literal for int() with base 10: 'on its way'")

    def test_an_os_error_reads_as_str_gives_it(self):
        for version, answer in self.answers("os_error"):
            with self.subTest(version=version):
                found = answer["threads"][0]["exception"]
                self.assertEqual(found["type"], "FileNotFoundError" if version >= (3, 3) else "IOError")
                self.assertEqual(found["message"], "[Errno 2] No such file or directory: '/nowhere/at/all'")

    def test_a_cause_and_a_nested_class_are_named(self):
        for version, answer in self.answers("caused", (3, 0)):
            with self.subTest(version=version):
                found = answer["threads"][0]["exception"]
                self.assertEqual(found["type"], "__main__.caused.<locals>.Outer.Nested")
                self.assertEqual(found["message"], "(1, 'zwei')")
                self.assertEqual(found["chain"], [{"relation": "cause", "type": "KeyError", "message": "'k'"}])

    def test_faulthandler_and_tracemalloc_are_told(self):
        for version, answer in self.answers("watched", (3, 4)):
            with self.subTest(version=version):
                self.assertTrue(answer["python"]["flags"]["tracemalloc"])
                self.assertTrue(answer["python"]["flags"]["faulthandler"] is not False)
                if version >= (3, 12):
                    self.assertTrue(answer["python"]["flags"]["faulthandler"])

    def test_a_class_body_shows_its_namespace(self):
        for version, answer in self.answers("namespace"):
            with self.subTest(version=version):
                frame = answer["threads"][0]["frames"][2]
                self.assertEqual(frame["function"], "Body")
                found = {each["name"]: each["repr"] for each in frame["locals"]}
                self.assertEqual(found, {"first": "1", "second": "'two'"})

    def test_code_from_exec_shows_the_mapping_it_runs_in(self):
        for version, answer in self.answers("in_exec"):
            with self.subTest(version=version):
                frame = answer["threads"][0]["frames"][2]
                self.assertEqual((frame["file"], frame["line"]), ("text", 2))
                self.assertEqual({each["name"]: each["repr"] for each in frame["locals"]}, {"mine": "[1]", "number": "42"})


if __name__ == "__main__":
    unittest.main()
