"""Whether faulthandler was enabled, of builds whose symbols do not tell."""

from __future__ import annotations

import random
import shutil
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

from fake_memory import FakeMemory
from interpreters import pythons

from inquest import report
from inquest.core_file import Segment
from inquest.faulthandler_state import enabled_by_statics
from inquest.frames.image import Image
from inquest.layout.tables import load_named
from inquest.memory import Reader
from inquest.objects.values import Values

END = "\nimport os, signal\nos.kill(os.getpid(), signal.SIGQUIT)\n"
PROGRAMS = {
    "never": ("import faulthandler", False),
    "enabled": ("import faulthandler; faulthandler.enable()", True),
    "enabled for a file": ("import faulthandler; log = open('log', 'w'); faulthandler.enable(log, all_threads=False)", True),
    "enabled for a descriptor": ("import faulthandler; faulthandler.enable(2)", True),
    "disabled": ("import faulthandler; faulthandler.enable(); faulthandler.disable()", False),
    "a watchdog alone": ("import faulthandler; faulthandler.dump_traceback_later(1000)", False),
    "a signal alone": ("import faulthandler, signal; faulthandler.register(signal.SIGUSR1)", False),
}


class RealProcesses(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_is_told_without_symbols_by_what_the_program_did(self) -> None:
        for python in pythons():
            if not (3, 6) <= python.version <= (3, 11):
                continue
            for name, (program, expected) in PROGRAMS.items():
                with self.subTest(python=python.path, program=name):
                    death = python.die(program + END, self.folder)
                    with mock.patch.object(report, "find_symbol", lambda _, name: None):
                        told = death.answer()["python"]["flags"]["faulthandler"]
                    self.assertEqual(told, expected)


class Statics(unittest.TestCase):
    def test_of_any_memory_are_answered_and_of_none_nothing(self) -> None:
        layouts = load_named("3.9")
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        runtime = SimpleNamespace(address=None, interpreters=[SimpleNamespace(address=0x602000)])
        for _ in range(200):
            memory = FakeMemory()
            reader = Reader(memory)
            image = Image(reader, layouts, Values(reader, layouts))
            words = [chance.choice((0, 1, 2, 0x602000, 0x100000002, chance.randrange(1 << 64))) for _ in range(64)]
            memory.write(0x500000, b"".join(word.to_bytes(8, "little") for word in words))
            area = Segment(0x500000, 0x500200, 0, 0x200, True)
            self.assertIn(enabled_by_statics(image, runtime, [area]), (True, False, None), "seed %d" % seed)
            self.assertIsNone(enabled_by_statics(image, runtime, []))
        half = Segment(0x500000, 0x600000, 0, 0x200, True)
        runtime.interpreters[0].address = 0x777000
        self.assertIsNone(enabled_by_statics(image, runtime, [half]), "what is not there proves nothing")


if __name__ == "__main__":
    unittest.main()
