"""Qualified names of methods and of functions in functions where code objects have none, held to what 3.11 and later say of the same program."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from dead_processes import interpreters  # noqa: E402
from interpreters import Python  # noqa: E402

PROGRAM = '''
import ctypes, functools

def wrapped(function):
    @functools.wraps(function)
    def inner(*values):
        return function(*values)
    return inner

class Shop(object):
    class Shelf(object):
        def take(self, other):
            return sorted([other, other])

    def open(self):
        return self.stock

    @property
    def stock(self):
        return type(self).made()

    @classmethod
    def made(cls):
        return cls()._Shop__count(lambda: cls)

    def __count(self, later):
        later()
        return self.Shelf().take(self)

    def __lt__(self, other):
        return self.still(3)

    @staticmethod
    def still(number):
        return plain(number)

class Market(Shop):
    def run(self):
        return super(Market, self).open()

def plain(shop):
    return (lambda: ended(shop))()

@wrapped
def ended(shop):
    ctypes.string_at(0)

Market().run()
'''

INNERMOST_FIRST = [
    ("ended", None),
    ("inner", "wrapped.<locals>.inner"),
    ("<lambda>", "plain.<locals>.<lambda>"),
    ("plain", None),
    ("still", None),
    ("__lt__", "Shop.__lt__"),
    ("take", "Shop.Shelf.take"),
    ("__count", "Shop.__count"),
    ("made", "Shop.made"),
    ("stock", "Shop.stock"),
    ("open", "Shop.open"),
    ("run", "Market.run"),
    ("<module>", None),
]


class DefinedAs(unittest.TestCase):
    def test_methods_are_told_by_their_class_and_functions_by_those_around_them(self) -> None:
        folder = tempfile.mkdtemp(prefix="inquest-defined-")
        self.addCleanup(shutil.rmtree, folder)
        for python in map(Python, interpreters()):
            with self.subTest(python=python.path):
                death = python.die(PROGRAM, folder)
                answer = death.answer()
                os.unlink(death.core)
                version = tuple(map(int, answer["python"]["version"].split(".")[:2]))
                (thread,) = answer["threads"]
                frames = [frame for frame in thread["frames"] if frame["function"] not in ("string_at",)]
                self.assertEqual([frame["function"] for frame in frames], [name for name, _ in INNERMOST_FIRST])
                for frame, (name, told) in zip(frames, INNERMOST_FIRST):
                    # 2.7 has no name for a class inside another.
                    expected = "Shelf.take" if version < (3, 0) and name == "take" else told
                    if version >= (3, 11):
                        self.assertIsNone(frame["defined_as"])
                        self.assertTrue(told is None or frame["qualname"] == told, name)
                    else:
                        self.assertIsNone(frame["qualname"])
                        self.assertEqual(frame["defined_as"], expected, name)


if __name__ == "__main__":
    unittest.main()
