"""The values of ``fixtures/values.py`` out of a core of it, with the layout that the search for the runtime finds."""

from __future__ import annotations

import os
import shutil
import tempfile
import unittest
from functools import partial
from unittest import mock

from live_processes import parse_expected, program

from inquest.core_file import open_core
from inquest.frames.frame_line import line_of_frame
from inquest.frames.image import Image
from inquest.memory import Reader
from inquest.objects.limits import ReprLimits
from inquest.objects.values import Values
from inquest.runtime import find_runtime
from interpreters import pythons

WIDE = ReprLimits(depth=8, items=40, string=500, length=4000)


class ReprsFromACore(unittest.TestCase):
    def test_prints_every_value_as_its_own_interpreter_did_before_it_died(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        for python in pythons():
            with mock.patch.dict(os.environ, VALUES_FILE="told", VALUES_THEN="crash"):
                death = python.die(program(), folder)
            self.addCleanup(shutil.rmtree, death.folder, True)
            with open(os.path.join(death.folder, "told"), encoding="utf-8") as told:
                expected = parse_expected(iter(told))
            manifest = death.manifest()
            with open_core(manifest) as core:
                reader = Reader(core)
                runtime = find_runtime(reader, core, manifest)
                values = Values(reader, runtime.layouts)
                values.line_of_frame = partial(line_of_frame, Image(reader, runtime.layouts, values))
                for value in expected:
                    with self.subTest(python=python.path, label=value.label):
                        text = values.repr(value.address, WIDE).text
                        if value.how == "exact":
                            self.assertEqual(text, value.text)
                        else:
                            self.assertEqual(text[: min(50, len(value.text))], value.text[:50])
            shutil.rmtree(death.folder)


if __name__ == "__main__":
    unittest.main()
