import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "gdb-scripts")]

from elf_images import Piece, core  # noqa: E402
from inquest.executable_memory import ExecutableMemory  # noqa: E402


class Memory(unittest.TestCase):
    def memory(self, data):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(data)
        self.addCleanup(os.unlink, file.name)
        return ExecutableMemory({"core": file.name})

    def test_code_is_where_the_core_says_that_memory_may_be_executed(self):
        memory = self.memory(core([Piece(0x7000, b"", 0x1000, flags=5), Piece(0x4000, b"x", 0x2000, flags=6)]))
        self.assertEqual([memory.at(each) for each in (0x7000, 0x7FFF, 0x4000, 0x5FFF)], [True, True, False, False])

    def test_what_the_core_does_not_map_is_not_known(self):
        memory = self.memory(core([Piece(0x7000, b"", 0x1000, flags=5)]))
        self.assertEqual([memory.at(each) for each in (0, 0x6FFF, 0x8000, 2**64 - 1)], [None] * 4)

    def test_a_file_that_is_no_core_knows_nothing(self):
        self.assertIsNone(self.memory(b"no ELF file").at(0x7000))
        self.assertIsNone(ExecutableMemory({"core": "/nowhere/core"}).at(0x7000))


if __name__ == "__main__":
    unittest.main()
