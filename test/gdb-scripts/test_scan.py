"""The last rung's scan: it finds what points back, and ends in a heap that consists of nothing but pointers."""

from __future__ import annotations

import array
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest import scan  # noqa: E402
from inquest.core_file import Segment  # noqa: E402

SMALL, LARGE = 0x10000, 0x7F0000000000
PAIR = (8, 16)


def core_of(*segments: "tuple[int, array.array[int]]") -> SimpleNamespace:
    data, listed = b"", []
    for start, words in segments:
        raw = words.tobytes()
        listed.append(Segment(start, start + len(raw), len(data), len(raw), True))
        data += raw
    return SimpleNamespace(pointer_size=8, byte_order=sys.byteorder, segments=listed, elf=SimpleNamespace(data=data))


def pointers(count: int) -> "array.array[int]":
    """Words that each point to another one of the same memory."""
    return array.array("Q", (LARGE + 8 * at for at in range(count)))


class Scans(unittest.TestCase):
    def test_a_pair_that_points_back_is_found_in_small_memory_before_a_heap_full_of_pointers_ends_the_search(self) -> None:
        # An interpreter at SMALL + 32, whose thread state is at SMALL + 64; the first word leads to it.
        small = array.array("Q", [SMALL + 32, 0, 0, 0, 0, SMALL + 64, 0, 0, 0, 0, SMALL + 32, 0])
        core = core_of((SMALL, small), (LARGE, pointers(20_000)))
        with patch.object(scan, "_MOST_FOLLOWED", 1_000), patch.object(scan.Scan, "_follow", autospec=True, side_effect=scan.Scan._follow) as follow:
            found = scan.Scan(core, core.segments, [PAIR]).survivors
        self.assertEqual(found, {PAIR: {SMALL + 32}})
        self.assertLessEqual(follow.call_count, 1_000)

    def test_all_of_a_heap_is_followed_within_the_limit(self) -> None:
        core = core_of((LARGE, pointers(2_000)))
        with patch.object(scan.Scan, "_follow", autospec=True) as follow:
            scan.Scan(core, core.segments, [PAIR])
        self.assertEqual(follow.call_count, 2_000)


if __name__ == "__main__":
    unittest.main()
