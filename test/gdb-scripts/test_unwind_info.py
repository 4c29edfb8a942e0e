"""Files whose code comes with and without call frame information."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest

import dead_processes  # noqa: F401  (puts gdb-scripts on the path)
from inquest.elf import open_elf
from inquest.unwind_info import tells_frames

# Functions enough for some pages of code.
SOURCE = "\n".join("long f%d(long a, long b) { return a * %d + b / (a + %d) + (b << 3) %% (a + 7); }" % (n, n + 3, n + 1) for n in range(300))
WITHOUT = ("-fno-asynchronous-unwind-tables", "-fno-unwind-tables")


class Frames(unittest.TestCase):
    def tells(self, *flags: str) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source, library = os.path.join(folder, "many.c"), os.path.join(folder, "libmany.so")
            with open(source, "w", encoding="ascii") as sink:
                sink.write(SOURCE)
            subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-nostdlib", *flags, source, "-o", library], check=True, capture_output=True)
            elf = open_elf(library)
            try:
                return tells_frames(elf)
            finally:
                elf.close()

    def test_code_with_an_entry_for_each_function_tells(self) -> None:
        self.assertTrue(self.tells())

    def test_code_without_entries_does_not(self) -> None:
        self.assertFalse(self.tells(*WITHOUT))

    def test_debug_information_may_tell_instead(self) -> None:
        self.assertTrue(self.tells(*WITHOUT, "-g"))

    def test_a_missing_file_tells_nothing(self) -> None:
        self.assertFalse(tells_frames(None))


if __name__ == "__main__":
    unittest.main()
