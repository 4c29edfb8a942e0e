"""aarch64's frame records lead from caller to caller, over signal handlers and leaf functions, and never astray."""

from __future__ import annotations

import random
import struct
import unittest
from typing import List, Optional, Tuple

from fake_memory import FakeMemory
from inquest.frame_records import Registers, caller, outermost
from inquest.memory import Reader

CODE = {"libc": range(0x5500A00000, 0x5500B00000), "python": range(0x400000, 0xA00000)}
SIGNATURE = 0x2F << 56
STACK = 0x7FFF0000


def module_of(address: int) -> Optional[str]:
    return next((name for name, places in CODE.items() if address in places), None)


class Records(unittest.TestCase):
    def setUp(self) -> None:
        self.memory = FakeMemory()
        self.memory.write(STACK, bytes(32768))
        self.reader = Reader(self.memory)

    def write(self, address: int, *words: int) -> None:
        self.memory.write(address, struct.pack("<%dQ" % len(words), *words))

    def chain(self, frame: Registers) -> List[Tuple[int, int]]:
        found = []
        older: Optional[Registers] = frame
        while older is not None:
            frame = older
            found.append((frame.pc, frame.sp))
            older = caller(self.reader, module_of, frame)
        self.frame = frame
        return found

    def test_callers_are_told_to_the_outermost(self) -> None:
        self.write(STACK + 0x20, STACK + 0x60, 0x5500A00100)
        self.write(STACK + 0x60, STACK + 0x100, 0x401000 | SIGNATURE)
        self.write(STACK + 0x100, 0, 0x402000)
        found = self.chain(Registers(0x5500A00050, STACK + 0x10, STACK + 0x20, 0x5500A00048))
        self.assertEqual(found, [(0x5500A00050, STACK + 0x10), (0x5500A00100, STACK + 0x60), (0x401000, STACK + 0x100), (0x402000, STACK + 0x110)])
        self.assertTrue(outermost(self.reader, self.frame))

    def test_a_function_without_a_record_returns_by_its_link_register(self) -> None:
        self.write(STACK + 0x20, STACK + 0x60, 0x402000)
        self.write(STACK + 0x60, 0, 0)
        found = self.chain(Registers(0x5500A00050, STACK + 0x10, STACK + 0x20, 0x401000))
        self.assertEqual([pc for pc, _ in found], [0x5500A00050, 0x401000, 0x402000])
        # Its record stands already, and its link register still leads to the same place.
        found = self.chain(Registers(0x5500A00050, STACK + 0x10, STACK + 0x20, 0x402000))
        self.assertEqual([pc for pc, _ in found], [0x5500A00050, 0x402000])

    def test_a_signal_handler_returns_to_the_trampoline_with_the_signal_frame_on_the_stack(self) -> None:
        frame, record = STACK + 0x100, STACK + 0x1500
        self.write(STACK + 0x20, record, 0x7F0000843000)
        self.memory.write(frame + 128 + 176 + 288, struct.pack("<II", 0x46508001, 0x210))
        self.write(frame + 128, 0, 0)
        self.assertEqual(caller(self.reader, module_of, Registers(0x401000, STACK + 0x10, STACK + 0x20, 0x401000)), (0x7F0000843000, frame, record, 0x7F0000843000))
        self.write(frame + 128, 1, 0)
        self.assertIsNone(caller(self.reader, module_of, Registers(0x401000, STACK + 0x10, STACK + 0x20, 0x401000)))

    def test_what_does_not_hold_together_leads_nowhere(self) -> None:
        start = Registers(0x401000, STACK + 0x10, STACK + 0x40, 0x401000)
        for older, back, fp in (
            (STACK + 0x40, 0x402000, STACK + 0x40),
            (STACK + 0x30, 0x402000, STACK + 0x40),
            (STACK + (1 << 25), 0x402000, STACK + 0x40),
            (STACK + 0x80, 0x123, STACK + 0x40),
            (STACK + 0x80, 0x402000, STACK + 0x44),
            (STACK + 0x80, 0x402000, STACK),
            (STACK + 0x80, 0x402000, 0x10000),
        ):
            self.write(STACK + 0x40, older, back)
            self.assertIsNone(caller(self.reader, module_of, start._replace(fp=fp)), (hex(older), hex(back), hex(fp)))
            self.assertFalse(outermost(self.reader, start._replace(fp=fp)) and fp == STACK + 0x40)

    def test_any_stack_comes_to_an_end(self) -> None:
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        words = [chance.choice((STACK + chance.randrange(0, 32768, 8), 0x401000, 0x5500A00010, 0, chance.randrange(1 << 64))) for _ in range(4096)]
        self.write(STACK, *words)
        for _ in range(200):
            start = Registers(0x401000, STACK, STACK + chance.randrange(0, 32768, 8), chance.choice((0x5500A00010, 0x401000)))
            self.assertLess(len(self.chain(start)), 4100, seed)


if __name__ == "__main__":
    unittest.main()
