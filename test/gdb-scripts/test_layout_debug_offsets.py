"""The debug offsets win over the table, and nonsense in them does not."""

from __future__ import annotations

import os
import random
import sys
import unittest
from typing import Dict

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402, F401  (puts gdb-scripts on the path)
from inquest.layout import tables  # noqa: E402
from inquest.layout.debug_offsets import COOKIE, read_debug_offsets  # noqa: E402
from inquest.memory import MemoryFault, Reader  # noqa: E402

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))
AT = 0x5000


class Block:
    """Memory that holds one ``_Py_DebugOffsets`` and nothing else."""

    pointer_size = 8
    byte_order = "little"

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def read(self, address: int, size: int) -> bytes:
        found = self.raw[max(0, address - AT) : max(0, address - AT + size)]
        if address < AT or len(found) != size:
            raise MemoryFault(address, size)
        return found


def block(minor: int, changes: Dict[str, int], version_hex: int = 0) -> bytes:
    """The offsets that the table of a version implies, some changed."""
    table = tables.load((3, minor, 99))
    raw = bytearray(table.size("_Py_DebugOffsets"))
    figures = {
        "interpreter_state.id": table.offset("PyInterpreterState", "id"),
        "interpreter_state.next": table.offset("PyInterpreterState", "next"),
        "interpreter_state.threads_head": table.offset("PyInterpreterState", "threads.head"),
        "interpreter_state.sysdict": table.offset("PyInterpreterState", "sysdict"),
        "thread_state.size": table.size("PyThreadState"),
        "thread_state.interp": table.offset("PyThreadState", "interp"),
        "thread_state.current_frame": table.offset("PyThreadState", "current_frame"),
        "code_object.size": table.size("PyCodeObject"),
        "code_object.name": table.offset("PyCodeObject", "co_name"),
        "unicode_object.asciiobject_size": table.size("PyASCIIObject"),
        **changes,
    }
    raw[:8] = COOKIE
    raw[8:16] = (version_hex or (3 << 24 | minor << 16 | 0xF0)).to_bytes(8, "little")
    for name, value in figures.items():
        field = table.field("_Py_DebugOffsets", name)
        raw[field.offset : field.offset + 8] = value.to_bytes(8, "little")
    return bytes(raw)


class Offsets(unittest.TestCase):
    def read(self, raw: bytes):
        return read_debug_offsets(Reader(Block(raw)), AT)

    def test_agreeing_offsets_leave_the_table_as_it_is(self) -> None:
        for minor in (13, 14, 15):
            found = self.read(block(minor, {"interpreter_state.size": tables.load((3, minor, 0)).size("PyInterpreterState")}, 3 << 24 | minor << 16 | 0xF0))
            assert found is not None
            self.assertEqual(found.version, (3, minor, 0))
            self.assertEqual(found.layouts.source, "debug_offsets")

    def test_a_moved_field_takes_its_uncovered_neighbours_along(self) -> None:
        table = tables.load((3, 14))
        there = table.offset("PyThreadState", "current_frame")
        found = self.read(block(14, {"thread_state.current_frame": there + 16}))
        assert found is not None
        self.assertIn("PyThreadState", found.moved)
        self.assertEqual(found.layouts.offset("PyThreadState", "current_frame"), there + 16)
        self.assertEqual(found.layouts.offset("PyThreadState", "exc_info"), table.offset("PyThreadState", "exc_info") + 16)
        self.assertEqual(found.layouts.offset("PyThreadState", "interp"), table.offset("PyThreadState", "interp"))
        self.assertEqual(tables.load((3, 14)).offset("PyThreadState", "current_frame"), there, "the shared table was changed")

    def test_offsets_beyond_a_megabyte_are_refused(self) -> None:
        self.assertIsNone(self.read(block(13, {"thread_state.current_frame": 1 << 21})))

    def test_versions_without_debug_offsets_and_future_ones_without_a_table_are_refused(self) -> None:
        for value in (0x030C00F0, 0x020700F0, 0x031800F0, 0x1_030D00F0):
            self.assertIsNone(self.read(block(13, {}, value)))

    def test_damaged_offsets_are_refused_or_read_and_never_raise(self) -> None:
        chance = random.Random(SEED)
        good = block(15, {})
        for round_ in range(200):
            raw = bytearray(good)
            for _ in range(chance.randint(1, 30)):
                raw[chance.randrange(8, len(raw))] = chance.randrange(256)
            with self.subTest(seed=SEED, round=round_):
                self.read(bytes(raw[: chance.choice((len(raw), chance.randrange(len(raw))))]))


if __name__ == "__main__":
    unittest.main()
