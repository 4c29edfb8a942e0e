"""Frames laid out by hand in a made-up memory, for builds that no machine here has: no GIL, 32 bits."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest.frames.chain import interpreter_frames, thread_chain  # noqa: E402
from inquest.frames.image import Image  # noqa: E402
from inquest.layout import tables  # noqa: E402
from inquest.memory import MemoryFault, Reader  # noqa: E402
from inquest.objects.values import Values  # noqa: E402


class Arena:
    """Zeroed memory from 0x10000 on; ``put`` writes a field of a struct."""

    byte_order = "little"

    def __init__(self, table: str) -> None:
        self.layouts = tables.load_named(table)
        self.pointer_size = self.layouts.pointer_size
        self.data = bytearray(1 << 16)
        self.image = Image(Reader(self), self.layouts, Values(Reader(self), self.layouts))

    def read(self, address: int, size: int) -> bytes:
        if not 0x10000 <= address <= 0x20000 - size:
            raise MemoryFault(address, size)
        return bytes(self.data[address - 0x10000 : address - 0x10000 + size])

    def put(self, address: int, struct: str, name: str, value: int) -> None:
        place = self.layouts.field(struct, name)
        self.word(address + place.offset, value, place.size)

    def word(self, address: int, value: int, size: "int | None" = None) -> None:
        size = size or self.pointer_size
        self.data[address - 0x10000 : address - 0x10000 + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")

    def code(self, address: int, units: int) -> int:
        """A code object of ``units`` instructions; where they begin."""
        self.word(address + self.layouts.offset("PyVarObject", "ob_size"), units)
        return address + self.layouts.offset("PyCodeObject", "co_code_adaptive")

    def frame(self, address: int, code: int, previous: int, instruction: int, owner: int = 0) -> None:
        name = "_PyInterpreterFrame"
        self.put(address, name, "f_executable" if self.layouts.has(name, "f_executable") else "f_code", code)
        self.put(address, name, "previous", previous)
        self.put(address, name, "instr_ptr" if self.layouts.has(name, "instr_ptr") else "prev_instr", instruction)
        self.put(address, name, "owner", owner)


class MadeFrames(unittest.TestCase):
    def test_without_the_gil_a_thread_runs_its_own_copy_of_the_bytecode(self):
        arena = Arena("3.14-t")
        start = arena.code(0x11000, 50)
        table, copy = 0x14000, 0x15000
        arena.word(table, 3)
        for index, entry in enumerate((start, 0x16000, copy)):
            arena.word(table + 8 * (1 + index), entry)
        arena.put(0x11000, "PyCodeObject", "co_tlbc", table)
        arena.frame(0x12000, 0x11000 | 1, 0x12800, copy + 24)
        arena.put(0x12000, "_PyInterpreterFrame", "tlbc_index", 2)
        arena.frame(0x12800, 0x11000, 0, start + 6)
        chain = interpreter_frames(arena.image, 0x12000)
        self.assertEqual([(frame.code, frame.offset) for frame in chain.frames], [(0x11000, 24), (0x11000, 6)])
        self.assertIsNone(chain.broken)

    def test_a_damaged_index_of_copies_costs_the_line_alone(self):
        arena = Arena("3.14-t")
        start = arena.code(0x11000, 50)
        arena.put(0x11000, "PyCodeObject", "co_tlbc", 0xBAD0000)
        arena.frame(0x12000, 0x11000, 0, start + 6)
        arena.put(0x12000, "_PyInterpreterFrame", "tlbc_index", 7)
        chain = interpreter_frames(arena.image, 0x12000)
        self.assertEqual([(frame.code, frame.offset) for frame in chain.frames], [(0x11000, 6)])

    def test_a_frame_below_a_shim_is_an_entry_tied_to_the_shim(self):
        for table, owner in (("3.12", 3), ("3.13-t", 3), ("3.14", 3), ("3.14", 4), ("3.15", 3), ("3.14-i386", 3)):
            with self.subTest(table=table, owner=owner):
                arena = Arena(table)
                start = arena.code(0x11000, 50)
                arena.frame(0x12000, 0x11000, 0x12200, start)
                arena.frame(0x12200, 0x11000, 0x12400, start + 4)
                arena.frame(0x12400, 0, 0x12600, 0, owner)
                arena.frame(0x12600, 0x11000, 0x12800, start + 8)
                arena.frame(0x12800, 0, 0, 0, owner)
                frames = interpreter_frames(arena.image, 0x12000).frames
                self.assertEqual([frame.offset for frame in frames], [0, 4, 8])
                self.assertEqual([frame.entry for frame in frames], [False, True, True])
                self.assertEqual([frame.anchor for frame in frames], [None, 0x12400, 0x12800])

    def test_in_3_11_the_cframes_tie_entries_to_the_c_stack(self):
        for table in ("3.11", "3.11-i386", "3.11-debug"):
            with self.subTest(table=table):
                arena = Arena(table)
                start = arena.code(0x11000, 50)
                entry = arena.layouts.field("_PyInterpreterFrame", "is_entry").offset
                for address, previous, is_entry in ((0x12000, 0x12200, 0), (0x12200, 0x12400, 1), (0x12400, 0, 1)):
                    arena.frame(address, 0x11000, previous, start + 2)
                    arena.word(address + entry, is_entry, 1)
                arena.put(0x13000, "PyThreadState", "cframe", 0x14000)
                arena.put(0x14000, "_PyCFrame", "current_frame", 0x12000)
                arena.put(0x14000, "_PyCFrame", "previous", 0x14100)
                frames = thread_chain(arena.image, 0x13000).frames
                self.assertEqual([frame.anchor for frame in frames], [None, 0x14000, 0x14100])

    def test_an_instruction_outside_the_code_has_no_offset(self):
        arena = Arena("3.13")
        start = arena.code(0x11000, 50)
        for instruction in (0, start - 64, start + 102, 1 << 60):
            arena.frame(0x12000, 0x11000, 0, instruction)
            self.assertIsNone(interpreter_frames(arena.image, 0x12000).frames[0].offset)

    def test_frame_objects_of_32_bits_are_followed(self):
        for table in ("3.9-i386", "2.7-arm"):
            with self.subTest(table=table):
                arena = Arena(table)
                for address, back, lasti in ((0x12000, 0x12800, 6), (0x12800, 0, 9)):
                    arena.put(address, "PyFrameObject", "f_back", back)
                    arena.put(address, "PyFrameObject", "f_code", 0x11000)
                    arena.put(address, "PyFrameObject", "f_lasti", lasti)
                arena.put(0x13000, "PyThreadState", "frame", 0x12000)
                chain = thread_chain(arena.image, 0x13000)
                self.assertEqual([(frame.address, frame.offset, frame.entry) for frame in chain.frames], [(0x12000, 6, True), (0x12800, 9, True)])


if __name__ == "__main__":
    unittest.main()
