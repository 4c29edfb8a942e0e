"""asyncio tasks and pending generators of real dead processes."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from interpreters import pythons  # noqa: E402

PROGRAM = (Path(__file__).parent / "programs" / "tasks.py").read_text(encoding="utf-8")


def locals_of(entry):
    """(name, repr) of the variables of all frames."""
    return {(each["name"], each["repr"]) for frame in entry["frames"] for each in frame["locals"]}


class Suspended(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="inquest-suspended-")
        cls.cases = []
        for python in pythons():
            version = python.version
            if version < (3, 6):
                continue
            death = python.die(PROGRAM, cls.folder)
            cls.cases.append((version, python.path, death.answer()))
            without = [dict(module, file=None) for module in death.manifest()["modules"]]
            cls.cases.append((version, python.path + " without files", death.answer(modules=without)))
            shutil.rmtree(death.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def each(self):
        """(what, version, suspended, answer) of each case."""
        self.assertTrue(self.cases, "no interpreter to try")
        return [(what, version, answer["suspended"], answer) for version, what, answer in self.cases]

    def stacks(self, suspended, kind):
        """Functions of each entry, innermost first, without asyncio's own."""
        own = [[f["function"] for f in each["frames"] if "asyncio/" not in f["file"]] for each in suspended if each["kind"] == kind]
        return sorted(own)

    def test_every_task_is_told_with_its_await_chain(self):
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                self.assertEqual(
                    self.stacks(suspended, "task"),
                    sorted([["main"], ["gathers"], ["waits_for"], ["groups"], ["ticks", "iterates"], *[["leaf", "middle"]] * 3, *[["leaf"]] * 2]),
                )

    def test_only_the_task_that_runs_is_running(self):
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                states = {each["frames"][-1]["function"]: each["state"] for each in suspended if each["kind"] == "task"}
                self.assertEqual(states.pop("main"), "running")
                self.assertEqual(set(states.values()), {"pending"})

    def test_tasks_have_their_names_and_who_awaits_them(self):
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                tasks = [each for each in suspended if each["kind"] == "task"]
                gathered = [each for each in tasks if {("number", "10"), ("number", "11")} & locals_of(each)]
                self.assertEqual(len(gathered), 2)
                first = [each for each in tasks if each["frames"][-1]["function"] == "middle" and each not in gathered]
                if version >= (3, 8):
                    self.assertEqual(first[0]["name"], "nЖme")
                    self.assertEqual([each["awaited_by"] for each in gathered], [["Task-5"]] * 2)
                else:
                    self.assertIsNone(first[0]["name"])
                    self.assertEqual([each["awaited_by"] for each in gathered], [["gathers"]] * 2)
                self.assertEqual(len(first[0]["awaited_by"]), 1)

    def test_members_of_a_task_group_are_awaited_by_its_owner(self):
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                tasks = [each for each in suspended if each["kind"] == "task" and each["frames"][-1]["function"] == "leaf"]
                owner = next(each["name"] for each in suspended if each["kind"] == "task" and each["frames"][-1]["function"] == "groups")
                self.assertEqual(len(tasks), 2)
                self.assertEqual([each["awaited_by"] for each in tasks], [[owner or "groups"]] * 2)

    def test_suspended_frames_show_their_lines_and_variables(self):
        lines = PROGRAM.split("\n")
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                leaf = next(f for each in suspended for f in each["frames"] if f["function"] == "leaf")
                self.assertIn("await asyncio.sleep(1000)", lines[leaf["line"] - 1])
                self.assertIn("marker", {each["name"] for each in leaf["locals"]})
                self.assertFalse(leaf["entry"])

    def test_generators_in_variables_and_loops_are_told(self):
        for what, version, suspended, _ in self.each():
            with self.subTest(what=what):
                found = sorted(each["state"] for each in suspended if each["kind"] == "generator")
                self.assertEqual(found, ["created", "suspended", "suspended"])
                self.assertEqual({each["name"] for each in suspended if each["kind"] == "generator"}, {"numbers"})

    def test_nothing_is_warned_of(self):
        for what, _, _, answer in self.each():
            with self.subTest(what=what):
                self.assertEqual([each for each in answer["warnings"] if each["code"] != "runtime"], [])


if __name__ == "__main__":
    unittest.main()
