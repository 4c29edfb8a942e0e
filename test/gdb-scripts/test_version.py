"""What a file tells of its version."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402, F401  (puts gdb-scripts on the path)
import elf_images  # noqa: E402
from inquest import version  # noqa: E402
from inquest.layout.debug_offsets import text_of_hex, version_of_hex  # noqa: E402
from inquest.modules import Module  # noqa: E402


class Names(unittest.TestCase):
    def test_reads_the_version_in_the_names_that_interpreters_have(self) -> None:
        for name, expected in (
            ("/usr/bin/python3.11", (3, 11)),
            ("/usr/lib/libpython3.8.so.1.0", (3, 8)),
            ("libpython3.6m.so.1.0", (3, 6)),
            ("/opt/python2.7", (2, 7)),
            ("python3.13t", (3, 13)),
            ("libpython3.so", None),
            ("/usr/bin/python3", None),
            ("/python3.9/bin/uwsgi", None),
        ):
            self.assertEqual(version.from_name(name), expected, name)


class Strings(unittest.TestCase):
    def module(self, path: str, data: bytes) -> Module:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = os.path.join(folder.name, "file")
        with open(file, "wb") as sink:
            sink.write(elf_images.elf([elf_images.Piece(0, data, len(data))], kind=3))
        module = Module(path, file, None, [(0x1000, 0x2000, 0)], None)
        self.addCleanup(module.close)
        return module

    def test_takes_the_version_that_the_paths_in_the_file_confirm(self) -> None:
        module = self.module("/app/server", b"\0\x33.0.11\0zlib\0" + b"3.9.3\0" + b"\x003.10.13\0/usr/lib/python3.10\0")
        self.assertEqual(version.hints(module)[0].version, (3, 10, 13))

    def test_takes_the_minor_version_of_the_paths_where_no_string_is_a_version(self) -> None:
        hints = version.hints(self.module("/app/server", b"\0/usr/lib/python3.7\0lib/python3.7/site-packages\0python2.7\0"))
        self.assertEqual(hints[0].version[:2], (3, 7))
        self.assertEqual(hints[0].told_by, "the paths in the file")

    def test_takes_the_only_version_of_a_program_that_names_no_path(self) -> None:
        self.assertEqual([hint.version for hint in version.hints(self.module("/app/server", b"\x003.11.2\0zlib\0"))], [(3, 11, 2)])
        self.assertEqual(version.hints(self.module("/app/server", b"\x003.9.1\0zlib\x003.10.0\0")), [])

    def test_a_file_that_says_nothing_has_no_hints(self) -> None:
        self.assertEqual(version.hints(self.module("/lib/libm.so.6", b"\0nothing\0")), [])

    def test_a_missing_file_leaves_its_name(self) -> None:
        hints = version.hints(Module("/usr/lib/libpython3.12.so.1.0", None, None, [], None))
        self.assertEqual([(hint.version, hint.told_by) for hint in hints], [((3, 12, 0), "the file's name")])


class Hex(unittest.TestCase):
    def test_writes_a_version_as_people_do(self) -> None:
        self.assertEqual(text_of_hex(0x030D00F0), "3.13.0")
        self.assertEqual(text_of_hex(0x030F00B2), "3.15.0b2")
        self.assertEqual(text_of_hex(0x030E00C1), "3.14.0rc1")
        self.assertEqual(version_of_hex(0x02071200), (2, 7, 18))


if __name__ == "__main__":
    unittest.main()
