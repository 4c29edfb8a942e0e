"""Pointers are found where they stand, and looked for only where objects lie."""

import os
import random
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from fake_memory import Builder, all_layouts  # noqa: E402
from inquest.core_file import Segment  # noqa: E402
from inquest.heap.places import pointer_places, stands_in_heap  # noqa: E402
from inquest.frames.image import Image  # noqa: E402
from inquest.heap.referrers import Extent, Holder, Referrers, owner_chain  # noqa: E402
from inquest.memory import Reader  # noqa: E402
from inquest.objects.values import Values  # noqa: E402

NEEDLE = 0x7F0012345678


def core_of(data, segments):
    whole = lambda segment: [(segment.offset, segment.offset + segment.dumped)]  # noqa: E731
    return types.SimpleNamespace(pointer_size=8, byte_order="little", elf=types.SimpleNamespace(data=data), segments=segments, data_of=whole)


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

    def test_what_stands_on_stacks_alone_does_not_stand_in_the_heap(self):
        # A thread's stack, its descriptor and what was mapped above it are one segment; the main thread's stack is one of its own.
        heap = Segment(0x8000, 0x9000, 0x6000, 0x1000, True)
        thread, main = Segment(0x10000, 0x14000, 0, 0x4000, True), Segment(0x20000, 0x22000, 0x4000, 0x2000, True)
        # The main thread runs a signal handler on a stack in the heap.
        pointers, descriptors = {1: 0x8800, 2: 0x11000}, {1: 0x90000, 2: 0x13000}
        wanted_by_place = {0x10000: False, 0x12FF8: False, 0x13000: True, 0x13FF8: True, 0x20000: False, 0x21FF8: False, 0x8100: True, 0x8900: True, None: False}
        for place, wanted in wanted_by_place.items():
            data = bytearray(0x7000)
            if place is not None:
                at = next(each.offset + place - each.start for each in (heap, thread, main) if each.start <= place < each.end)
                data[at : at + 8] = NEEDLE.to_bytes(8, "little")
            core = core_of(bytes(data), [heap, thread, main])
            core.lwps, core.sp, core.thread_pointer = [1, 2, 3], pointers.get, descriptors.get
            core.segment_at = lambda address: next((each for each in (heap, thread, main) if each.start <= address < each.end), None)
            self.assertEqual(stands_in_heap(core, NEEDLE, 0x21000), wanted, place)

    def test_what_repr_is_showing_does_not_belong_to_repr(self):
        for version, layouts in all_layouts():
            builder = Builder(layouts)
            value, owner = builder.new(builder.object_type, 16), builder.list([])
            shown = builder.list([value])
            thread = builder.memory.allocate(layouts.size("PyThreadState"))
            builder.put(thread, "PyThreadState", "dict", builder.dict([(builder.text("Py_Repr"), shown)]))
            reader = Reader(builder.memory)
            holders = {value: [Holder(shown, "list", "item 0"), Holder(owner, "list", "item 5")]}
            referrers = types.SimpleNamespace(image=Image(reader, layouts, Values(reader, layouts)), holders=lambda of, holders=holders: holders.get(of, []))
            for chains, wanted in (({thread: types.SimpleNamespace(frames=[])}, "item 5"), ({}, "item 0")):
                self.assertEqual([each["where"] for each in owner_chain(referrers, [], chains, value)], [wanted], version)


if __name__ == "__main__":
    unittest.main()
