"""Every value of ``fixtures/values.py`` reads as its own interpreter's ``repr()`` prints it, on each interpreter of the machine."""

from __future__ import annotations

import unittest
from contextlib import ExitStack
from functools import partial
from typing import List, Tuple

from live_processes import Live, attributes_told, live_values

from interpreters import pythons

from inquest.frames.frame_line import line_of_frame
from inquest.frames.image import Image
from inquest.memory import Reader
from inquest.objects.limits import ReprLimits
from inquest.objects.values import Values

WIDE = ReprLimits(depth=8, items=40, string=500, length=4000)


def values_of(live: Live) -> Values:
    reader = Reader(live.memory)
    values = Values(reader, live.layouts)
    values.line_of_frame = partial(line_of_frame, Image(reader, live.layouts, values))
    return values


class ReprsMatchReality(unittest.TestCase):
    stack: ExitStack
    lives: List[Tuple[str, Live, Values]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = ExitStack()
        cls.lives = []
        for python in pythons():
            live = cls.stack.enter_context(live_values(python))
            cls.lives.append((python.path, live, values_of(live)))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stack.close()

    def test_prints_every_value_as_its_own_interpreter_does(self) -> None:
        for path, live, values in self.lives:
            self.assertGreater(len(live.expected), 150)
            for expected in live.expected:
                with self.subTest(python=path, label=expected.label):
                    text = values.repr(expected.address, WIDE).text
                    if expected.how == "exact":
                        self.assertEqual(text, expected.text)
                    else:
                        self.assertEqual(text[: min(50, len(expected.text))], expected.text[:50])

    def test_keeps_the_order_in_which_attributes_were_set(self) -> None:
        for path, live, values in self.lives:
            if live.layouts.version >= (3, 6):
                self.assertEqual(list(values.attribute_dict(live.address("instance reordered"))), ["y", "x"], path)

    def test_names_types_with_their_modules_and_qualified_names(self) -> None:
        names = {"int 5": "int", "deque": "collections.deque", "instance": "__main__.Point", "my list": "__main__.MyList"}
        for path, live, values in self.lives:
            self.assertEqual({label: values.repr(live.address(label)).type for label in names}, names, path)

    def test_the_attributes_of_instances_are_what_their_process_says_of_them(self) -> None:
        # Its processes go on and end with their answer, so they are its own.
        for python in pythons():
            with live_values(python) as live:
                self.check_attributes(python.path, live, values_of(live))

    def check_attributes(self, path: str, live: Live, values: Values) -> None:
        found = {}
        for expected in live.expected:
            if expected.how == "instance":
                attributes = values.attribute_dict(expected.address)
                found[expected.label] = {name: values.repr(value, WIDE).text for name, value in attributes.items()}
        told = attributes_told(live)
        self.assertEqual(set(found), set(told))
        for label, attributes in found.items():
            with self.subTest(python=path, label=label):
                self.assertEqual(attributes, told[label])


class LimitsHold(unittest.TestCase):
    def test_cuts_by_length_items_string_and_depth_and_says_so(self) -> None:
        with live_values(pythons()[-1]) as live:
            values = values_of(live)
            many = live.address("dict of 2000")
            self.assertEqual(values.repr(many, ReprLimits(items=2)), ("dict", "{0: None, 1: None, … 1998 more}", True))
            short = values.repr(many, ReprLimits(length=60))
            self.assertTrue(short.truncated)
            self.assertLess(len(short.text), 100)
            self.assertEqual(values.repr(live.address("str ascii"), ReprLimits(string=5)), ("str", "'hello'…", True))
            self.assertEqual(values.repr(live.address("deep"), ReprLimits(depth=2)).text, "[[[…]]]")

    def test_stops_a_value_when_its_reads_are_spent(self) -> None:
        with live_values(pythons()[-1]) as live:
            values = values_of(live)
            for expected in live.expected:
                before = values.reader.budget.report.reads  # type: ignore[attr-defined]
                found = values.repr(expected.address, ReprLimits(reads=7))
                self.assertLessEqual(before - values.reader.budget.report.reads, 9, expected.label)  # type: ignore[attr-defined]
                self.assertIsInstance(found.text, str)


if __name__ == "__main__":
    unittest.main()
