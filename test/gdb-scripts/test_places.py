"""Pointers are found where they stand, and looked for only where objects lie."""

import os
import random
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from inquest.core_file import Segment  # noqa: E402
from inquest.heap.places import pointer_places  # noqa: E402
from inquest.heap.referrers import Extent, Referrers  # noqa: E402

NEEDLE = 0x7F0012345678


def core_of(data, segments):
    return types.SimpleNamespace(pointer_size=8, byte_order="little", elf=types.SimpleNamespace(data=data), segments=segments)


def referrers_of(core, extents):
    """Without the walk over the heap that finds the extents."""
    found = Referrers.__new__(Referrers)
    found.core, found._until = core, float("inf")
    found._extents = sorted(extents)
    found._starts = [extent.start for extent in found._extents]
    return found


class Places(unittest.TestCase):
    def setUp(self):
        self.seed = random.randrange(1 << 32)
        self.chance = random.Random(self.seed)

    def test_every_aligned_place_is_found(self):
        for _ in range(200):
            data = bytearray(self.chance.randrange(64, 4096))
            for _ in range(self.chance.randrange(6)):
                at = self.chance.randrange(len(data) - 8)
                data[at : at + 8] = NEEDLE.to_bytes(8, "little")
            offset = self.chance.randrange(0, 32, 8)
            segment = Segment(0x10000, 0x20000, offset, len(data) - offset, True)
            wanted = [
                0x10000 + at - offset for at in range(offset, len(data) - 7) if at % 8 == offset % 8 and data[at : at + 8] == NEEDLE.to_bytes(8, "little")
            ]
            self.assertEqual(list(pointer_places(core_of(bytes(data), [segment]), segment, NEEDLE)), wanted, self.seed)

    def test_memory_without_objects_is_not_searched(self):
        data = NEEDLE.to_bytes(8, "little") * 512 * 4
        segments = [Segment(0x10000 * (1 + at), 0x10000 * (1 + at) + 4096, 4096 * at, 4096, at != 3) for at in range(4)]
        # In the first; none in the second; into the third from below; the fourth cannot be written to.
        extents = [Extent(0x10100, 0x10120, 1), Extent(0x2F000, 0x30010, 2), Extent(0x40000, 0x40010, 3)]
        found = list(referrers_of(core_of(data, segments), extents).places(NEEDLE))
        self.assertEqual({place & ~0xFFFF for place in found}, {0x10000})
        two = referrers_of(core_of(data, segments[1:]), extents)
        self.assertEqual({place & ~0xFFFF for place in two.places(NEEDLE)}, {0x30000})
        self.assertEqual(list(referrers_of(core_of(data, segments), []).places(NEEDLE)), [])


if __name__ == "__main__":
    unittest.main()
