"""Whole answers: their shape, the command, interpreters side by side, what is heard of extension modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "gdb-scripts"
sys.path.insert(0, str(SCRIPTS))

from interpreters import pythons  # noqa: E402

CRASH = "import ctypes, json, _ctypes\ndef crash(argument):\n    ctypes.string_at(0)\ncrash([1])\n"
ANSWER = {"helpers", "layout_source", "python", "python_missing_reason", "threads", "suspended", "warnings", "facts", "system_calls", "timings_ms"}
PYTHON = {
    "version",
    "implementation",
    "build",
    "layout_source",
    "debug_info",
    "flags",
    "tracemalloc",
    "gil_holder_lwp",
    "gc",
    "finalizing",
    "interpreters",
    "modules_imported",
    "extension_modules",
    "run",
}
THREAD = {"lwp", "python_thread_id", "interpreter_id", "name", "holds_gil", "exception", "frames", "truncated"}
FRAME = set("kind function qualname defined_as file line end_line column end_column source_line locals entry status address anchor".split())


class Reports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inquest-report-")
        self.addCleanup(shutil.rmtree, self.folder)

    def deaths(self, program, least=(2, 7)):
        """(version, death) of each interpreter."""
        found = []
        for python in pythons():
            version = python.version
            if version >= least:
                death = python.die(program, self.folder)
                self.addCleanup(shutil.rmtree, death.folder, True)
                found.append((version, death))
        self.assertTrue(found, "no interpreter to try")
        return found

    def test_every_key_of_the_schema_is_there(self):
        for version, death in self.deaths(CRASH):
            with self.subTest(version=version):
                answer = death.answer()
                self.assertEqual(set(answer), ANSWER)
                self.assertEqual(set(answer["python"]), PYTHON)
                self.assertEqual(set(answer["threads"][0]), THREAD)
                self.assertEqual(set(answer["threads"][0]["frames"][0]), FRAME)
                self.assertEqual(set(answer["python"]["build"]), {"debug", "free_threaded", "jit"})
                self.assertEqual(set(answer["python"]["flags"]), {"dev_mode", "faulthandler", "tracemalloc", "malloc"})
                self.assertEqual(answer["python"]["implementation"], "CPython")
                self.assertIsNone(answer["threads"][0]["frames"][0]["source_line"])

    def test_the_command_writes_the_answer_of_a_manifest(self):
        _, death = self.deaths(CRASH)[0]
        manifest, out = os.path.join(self.folder, "manifest.json"), os.path.join(self.folder, "python.json")
        with open(manifest, "w", encoding="utf-8") as file:
            json.dump(death.manifest(), file)
        subprocess.run([sys.executable, "-m", "inquest", manifest, out], cwd=SCRIPTS, check=True, timeout=120)
        with open(out, encoding="ascii") as file:
            answer = json.load(file)
        self.assertEqual([f["function"] for f in answer["threads"][0]["frames"]], ["string_at", "crash", "<module>"])
        self.assertFalse(os.path.exists(out + ".part"))

    def test_the_command_takes_a_core_alone(self):
        _, death = self.deaths(CRASH)[0]
        done = subprocess.run(
            [sys.executable, "-m", "inquest", "--core", death.core, "--module", death.python.path],
            cwd=SCRIPTS,
            check=True,
            capture_output=True,
            timeout=300,
        )
        answer = json.loads(done.stdout)
        self.assertEqual([f["function"] for f in answer["threads"][0]["frames"]], ["string_at", "crash", "<module>"])

    def test_the_core_alone_tells_the_same_frames_and_locals(self):
        program = (HERE / "programs" / "all_kinds.py").read_text(encoding="utf-8")
        for version, death in self.deaths(program):
            with self.subTest(version=version):
                whole = death.answer()
                alone = death.answer(modules=[dict(module, file=None) for module in death.manifest()["modules"]])
                for thread, other in zip(whole["threads"], alone["threads"]):
                    self.assertEqual((thread["lwp"], thread["name"]), (other["lwp"], other["name"]))
                    self.assertEqual(len(thread["frames"]), len(other["frames"]))
                    for frame, bare in zip(thread["frames"], other["frames"]):
                        # Names of C functions are constants of the missing files.
                        kept = [v["name"] for v in frame["locals"] if "built-in" not in v["repr"] and "slot wrapper" not in v["repr"]]
                        for each in (frame, bare):
                            each["locals"] = [v for v in each["locals"] if v["name"] in kept]
                        self.assertEqual(frame, bare)

    def test_the_core_alone_names_static_types_of_extensions(self):
        program = "import ctypes, mmap, select\ndef crash(area, poll):\n    ctypes.string_at(0)\ncrash(mmap.mmap(-1, 4096), select.epoll())\n"
        for version, death in self.deaths(program):
            with self.subTest(version=version):
                alone = death.answer(modules=[dict(module, file=None) for module in death.manifest()["modules"]])
                found = {each["name"]: each["type"] for each in alone["threads"][0]["frames"][1]["locals"]}
                self.assertEqual(found, {"area": "mmap.mmap", "poll": "select.epoll"})

    def test_extension_modules_have_their_paths_and_origin(self):
        for version, death in self.deaths(CRASH):
            with self.subTest(version=version):
                found = {each["name"]: each for each in death.answer()["python"]["extension_modules"]}
                self.assertTrue(found["_ctypes"]["path"].endswith(".so"))
                self.assertFalse(found["_ctypes"]["third_party"])
                self.assertNotIn("json", found)

    def test_interpreters_on_one_thread_are_told_apart(self):
        program = (HERE / "programs" / "subinterpreters.py").read_text(encoding="utf-8")
        for version, death in self.deaths(program, (3, 8)):
            with self.subTest(version=version):
                answer = death.answer()
                stacks = {each["interpreter_id"]: each for each in answer["threads"] if each["frames"]}
                self.assertEqual([f["function"] for f in stacks[2]["frames"]], ["string_at", "in_sub", "outer", "<module>"])
                self.assertEqual([f["function"] for f in stacks[0]["frames"]], ["enters", "<module>"])
                holds = (None, None) if answer["python"]["build"]["free_threaded"] else (True, False)
                self.assertEqual((stacks[2]["holds_gil"], stacks[0]["holds_gil"]), holds)
                self.assertEqual(stacks[2]["lwp"], stacks[0]["lwp"])
                self.assertEqual(answer["python"]["interpreters"], 3)

    def test_waiting_greenlets_are_found_in_the_heap(self):
        program = (HERE / "programs" / "greenlets.py").read_text(encoding="utf-8")
        for version, death in self.deaths(program):
            with self.subTest(version=version):
                found = [each for each in death.answer()["suspended"] if each["kind"] == "greenlet"]
                self.assertEqual([[f["function"] for f in each["frames"]][:1] for each in found], [["waits"]] * 2)
                texts = sorted(v["repr"] for each in found for v in each["frames"][0]["locals"] if v["name"] == "mine")
                self.assertEqual(texts, ["'waiting 0'", "'waiting 1'"])
                self.assertEqual(sorted(each["name"] or "" for each in found), ["", "__main__.Derived"])

    def test_a_process_without_python_says_so(self):
        work = tempfile.mkdtemp(dir=self.folder)
        subprocess.run(["/bin/sh", "-c", "ulimit -c unlimited; exec sh -c 'kill -ABRT $$'"], cwd=work, capture_output=True, check=False)
        cores = [name for name in os.listdir(work) if name.startswith("core")]
        self.assertEqual(len(cores), 1)
        done = subprocess.run([sys.executable, "-m", "inquest", "--core", os.path.join(work, cores[0])], cwd=SCRIPTS, check=True, capture_output=True)
        answer = json.loads(done.stdout)
        self.assertEqual(set(answer), ANSWER)
        self.assertIsNone(answer["python"])
        self.assertTrue(answer["python_missing_reason"])
        self.assertEqual(answer["threads"], [])


if __name__ == "__main__":
    unittest.main()
