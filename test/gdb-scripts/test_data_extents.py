"""What the holes of a sparse core leave is what is searched, and everything else is zero."""

import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from inquest.core_file import CoreMemory, Segment  # noqa: E402
from inquest.data_extents import data_extents  # noqa: E402

BLOCK = 64 << 10


class DataExtents(unittest.TestCase):
    def test_what_lies_outside_is_zero(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for _ in range(20):
            with tempfile.NamedTemporaryFile() as file:
                blocks = [chance.random() < 0.4 for _ in range(chance.randrange(1, 30))]
                for at, filled in enumerate(blocks):
                    if filled:
                        os.pwrite(file.fileno(), b"x" * BLOCK, at * BLOCK)
                size = len(blocks) * BLOCK
                os.truncate(file.fileno(), size)
                found = data_extents(file.name)
                self.assertEqual(found, sorted(found), seed)
                covered = [any(start <= at * BLOCK and (at + 1) * BLOCK <= end for start, end in found) for at in range(len(blocks))]
                for at, filled in enumerate(blocks):
                    self.assertTrue(covered[at] or not filled, seed)
                self._in_segments(chance, found, size, seed)

    def _in_segments(self, chance, found, size, seed):
        core = CoreMemory.__new__(CoreMemory)
        core._extents = found
        for _ in range(20):
            offset = chance.randrange(size)
            segment = Segment(0x1000, 0x1000 + size, offset, chance.randrange(size - offset + 1), True)
            end = offset + segment.dumped
            wanted = [(max(low, offset), min(high, end)) for low, high in found if low < end and high > offset]
            self.assertEqual(list(core.data_of(segment)), wanted, seed)

    def test_a_file_system_without_holes_has_one_extent(self):
        self.assertEqual(data_extents("/proc/self/stat"), [])
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 100)
            file.flush()
            self.assertEqual(data_extents(file.name), [(0, 100)])


if __name__ == "__main__":
    unittest.main()
