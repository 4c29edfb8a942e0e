"""How the interpreter was started: what the core tells is what ``sys`` told the program itself."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from interpreters import die_in, pythons  # noqa: E402

PROGRAM = """
import json, os, sys
flags = dict((name, int(getattr(sys.flags, name))) for name in dir(sys.flags) if not name.startswith(("_", "n_")) and not callable(getattr(sys.flags, name)))
told = {"flags": flags, "argv": sys.argv, "executable": sys.executable, "warn_options": sys.warnoptions, "prefix": sys.prefix}
told["x_options"] = [name if value is True else name + "=" + value for name, value in sorted(getattr(sys, "_xoptions", {}).items())]
with open("told.json", "w") as file:
    json.dump(told, file)
os.kill(os.getpid(), 11)
"""
CLEARED = "import os, sys\nfor name in list(sys.__dict__):\n    if name not in ('modules', 'hexversion'): sys.__dict__[name] = None\nos.kill(os.getpid(), 11)\n"


def run_of(python, folder, *arguments, program=PROGRAM, **environment):
    death = die_in(python, python.command(*arguments, "-c", program, "argument", cwd=folder), folder, {"PATH": os.environ["PATH"], **environment})
    return death.answer()["python"]["run"], death


class Started(unittest.TestCase):
    def test_every_interpreter_tells_its_options_flags_and_arguments(self):
        for python in pythons():
            if python.root is not None:
                continue
            extra = ["-X", "one", "-X", "two=2"] if python.version >= (3, 6) else ["-tt"]
            with self.subTest(python.path), tempfile.TemporaryDirectory() as folder:
                run, death = run_of(python, folder, "-O", "-B", "-s", "-u", "-W", "error::FutureWarning", *extra)
                told = death.told()
                shared = {name: value for name, value in (run["flags"] or {}).items() if name in told["flags"]}
                self.assertEqual(shared, {name: told["flags"][name] for name in shared})
                self.assertLessEqual({"optimize", "dont_write_bytecode", "no_user_site", "isolated" if python.version[0] == 3 else "tabcheck"}, set(shared))
                self.assertEqual({name: run[name] for name in ("argv", "executable", "warn_options", "prefix")}, {name: told[name] for name in ("argv", "executable", "warn_options", "prefix")})
                self.assertEqual(sorted(run["x_options"] or []), told["x_options"])
                self.assertIn(run["unbuffered"], (True,) if python.version >= (3, 8) else (True, None))

    def test_the_seed_of_the_hashes_is_told_when_one_was_set(self):
        python = next(each for each in pythons() if each.root is None and each.version >= (3, 8))
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run_of(python, folder, PYTHONHASHSEED="4294967295")[0]["hash_seed"], 4294967295)
            self.assertEqual(run_of(python, folder, PYTHONHASHSEED="0")[0]["hash_seed"], 0)
            self.assertIsNone(run_of(python, folder)[0]["hash_seed"])
            # -I ignores the environment, so that no seed was set.
            self.assertIsNone(run_of(python, folder, "-I", PYTHONHASHSEED="7")[0]["hash_seed"])

    def test_a_sys_that_was_cleared_tells_nothing_and_breaks_nothing(self):
        python = next(each for each in pythons() if each.root is None and each.version >= (3, 6))
        with tempfile.TemporaryDirectory() as folder:
            run, _ = run_of(python, folder, program=CLEARED)
            self.assertEqual([run[name] for name in ("argv", "flags", "x_options", "warn_options", "prefix", "executable")], [None] * 6)


if __name__ == "__main__":
    unittest.main()
