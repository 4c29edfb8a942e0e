"""Line tables, held to what the interpreters themselves say of their own code."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest.lines import NOWHERE, from_linetable, from_lnotab, from_locations, locations, position  # noqa: E402
from interpreters import Python, pythons  # noqa: E402

# Runs in 2.7 to 3.15: prints the tables of many code objects and, for offsets in each, what the interpreter answers.
EMITTER = r"""
import base64, dis, json, os, sys, types
def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            for inner in codes(const):
                yield inner
def emit(code):
    if sys.version_info >= (3, 11):
        answers = [list(found) for found in code.co_positions()]
        table = code.co_linetable
    else:
        starts = sorted((start, line) for start, line in dis.findlinestarts(code))
        answers = starts
        table = code.co_linetable if sys.version_info >= (3, 10) else code.co_lnotab
        if sys.version_info >= (3, 10):
            answers = list(code.co_lines())
    print(json.dumps([base64.b64encode(table).decode(), code.co_firstlineno, len(code.co_code), answers]))
folder = os.path.dirname(os.__file__)
print(json.dumps(list(sys.version_info[:2])))
for name in ("ast.py", "inspect.py", "argparse.py", "decimal.py", "_pydecimal.py", "asyncio/tasks.py", "typing.py", "pickletools.py", "dis.py"):
    path = os.path.join(folder, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            for code in codes(compile(file.read(), path, "exec")):
                emit(code)
odd = "x = (\n 1 +\n\n" + "\n" * 300 + " 2,\n)\n" + "def f(a):\n" + "  return " + "a" * 300 + "\n" * 700 + "\nclass C:\n  y = [i\n   for i in\n  range(9)]\n"
emit(compile(odd, "odd", "exec"))
"""


def emitted(python: Python):
    """(version, [(table, first line, size of the code, answers)]) as ``python`` gives them."""
    out = subprocess.run(python.command("-c", EMITTER), check=True, capture_output=True, timeout=120).stdout.decode("ascii").splitlines()
    version, rows = json.loads(out[0]), [json.loads(line) for line in out[1:]]
    return tuple(version), [(base64.b64decode(table), first, size, answers) for table, first, size, answers in rows]


class LineTables(unittest.TestCase):
    def test_every_instruction_has_the_place_its_interpreter_gives_it(self):
        commands = pythons()
        self.assertTrue(commands, "no interpreter to compare with")
        for python in commands:
            version, rows = emitted(python)
            self.assertGreater(len(rows), 100)
            for row in rows:
                with self.subTest(python=python.path):
                    self.compare(version, *row)

    def compare(self, version, table, first, size, answers):
        if version >= (3, 11):
            expanded = [list(found) for start, end, found in locations(table, first) for _ in range(start, end, 2)]
            self.assertEqual(expanded, answers)
            for index in range(0, len(answers), 97):
                self.assertEqual(list(position(version, table, first, 2 * index)), answers[index])
        elif version == (3, 10):
            for start, end, line in answers:
                for offset in (start, end - 2) if end > start else ():
                    self.assertEqual(position(version, table, first, offset).line, line)
        else:
            # findlinestarts gives the first offset of each line: until the next one the line stays.
            following = [start for start, _ in answers[1:]] + [size]
            for (start, line), end in zip(answers, following):
                for offset in (start, end - 1):
                    self.assertEqual(position(version, table, first, offset).line, line)

    def test_a_frame_that_has_not_begun_is_at_its_first_line(self):
        for version in ((2, 7), (3, 9), (3, 10), (3, 13)):
            self.assertEqual(position(version, b"\x06\x01", 7, -1).line, 7)

    def test_damaged_tables_give_no_exception_and_no_endless_loop(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        for _ in range(2000):
            table = bytes(source.randrange(256) for _ in range(source.randrange(40)))
            offset = source.randrange(1 << 12)
            for decode in (from_linetable, from_locations):
                found = decode(table, 1, offset)
                self.assertEqual(len(found), 4, "seed %d" % seed)
            for signed in (False, True):
                self.assertIsInstance(from_lnotab(table, 1, offset, signed).line, int, "seed %d" % seed)

    def test_an_offset_past_the_table_is_nowhere(self):
        self.assertEqual(from_locations(b"", 1, 0), NOWHERE)
        self.assertEqual(from_linetable(b"\x02\x01", 1, 2), NOWHERE)


if __name__ == "__main__":
    unittest.main()
