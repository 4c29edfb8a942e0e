"""Which LWP a thread state belongs to, when the core tells more or less of it."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest.frames.image import Image  # noqa: E402
from inquest.layout.model import Layouts  # noqa: E402
from inquest.memory import MemoryFault, Reader  # noqa: E402
from inquest.threads import ThreadState, match_lwps  # noqa: E402


class Pages:
    """Memory from a dict of address to bytes."""

    pointer_size = 8
    byte_order = "little"

    def __init__(self, blocks: "dict[int, bytes]") -> None:
        self.blocks = blocks

    def read(self, address: int, size: int) -> bytes:
        for start, data in self.blocks.items():
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        raise MemoryFault(address, size)


def image_of(blocks: "dict[int, bytes]") -> Image:
    values: Any = None
    return Image(Reader(Pages(blocks)), Layouts((3, 10, 0), "table", {}), values)


def states(*ids: "tuple[int, int | None]") -> "list[ThreadState]":
    return [ThreadState(0x1000 * (index + 1), 0, 0x10, thread_id, native) for index, (thread_id, native) in enumerate(ids)]


class Matching(unittest.TestCase):
    def test_the_thread_pointer_is_the_thread_id_on_x86(self):
        found = states((0x7F00, None), (0x7E00, None))
        match_lwps(image_of({}), found, [5, 6], {5: 0x7E00, 6: 0x7F00}, "x86_64")
        self.assertEqual([state.lwp for state in found], [6, 5])

    def test_the_thread_pointer_wins_over_a_tid_of_another_namespace(self):
        # Inside a container the process saw itself as 5 and 6, from outside it is 1005 and 1006.
        found = states((0x7F00, 6), (0x7E00, 5))
        match_lwps(image_of({}), found, [1005, 1006], {1005: 0x7E00, 1006: 0x7F00}, "x86_64")
        self.assertEqual([state.lwp for state in found], [1006, 1005])

    def test_elsewhere_the_distance_that_most_threads_agree_on_counts(self):
        found = states((0x10000, None), (0x20000, None), (0x30000, None))
        match_lwps(image_of({}), found, [1, 2, 3], {1: 0x10700, 2: 0x20700, 3: 0x30700}, "aarch64")
        self.assertEqual([state.lwp for state in found], [1, 2, 3])

    def test_without_registers_the_native_id_serves(self):
        found = states((0x7F00, 6), (0x7E00, 99))
        match_lwps(image_of({}), found, [5, 6], {}, "x86_64")
        self.assertEqual([state.lwp for state in found], [6, None])

    def test_without_both_the_tid_in_struct_pthread_serves(self):
        blocks = {}
        for thread_id, lwp in ((0x10000, 71), (0x20000, 72), (0x30000, 73)):
            block = bytearray(2304)
            block[0x2D0:0x2D4] = lwp.to_bytes(4, "little")
            blocks[thread_id] = bytes(block)
        # A decoy: the first block also holds another thread's number, at a place where the others have none.
        blocks[0x10000] = blocks[0x10000][:16] + (72).to_bytes(4, "little") + blocks[0x10000][20:]
        found = states((0x10000, None), (0x20000, None), (0x30000, None))
        match_lwps(image_of(blocks), found, [71, 72, 73], {}, "x86_64")
        self.assertEqual([state.lwp for state in found], [71, 72, 73])

    def test_a_thread_that_fits_no_lwp_has_none(self):
        found = states((0x7F00, None))
        match_lwps(image_of({}), found, [5], {5: 0x1234000}, "x86_64")
        self.assertIsNone(found[0].lwp)

    def test_two_interpreters_on_one_thread_share_its_lwp(self):
        found = states((0x7F00, 5), (0x7F00, 5))
        match_lwps(image_of({}), found, [5], {5: 0x7F00}, "x86_64")
        self.assertEqual([state.lwp for state in found], [5, 5])


if __name__ == "__main__":
    unittest.main()
