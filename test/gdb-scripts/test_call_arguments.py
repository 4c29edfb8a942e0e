"""The constants that a call passes, told by machine code as gcc writes it."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest.call_arguments import R8, R9, RCX, RDI, RDX, RSI, constant_argument, constant_number  # noqa: E402

RETURNS = 0x500000
CALL = b"\xe8\x01\x02\x03\x04"


def before_call(*instructions: bytes) -> bytes:
    return (b"\x90" * 40 + b"".join(instructions) + CALL)[-40:]


class ConstantArgument(unittest.TestCase):
    def test_tells_a_literal_by_its_place_relative_to_the_code(self):
        lea = b"\x48\x8d\x3d" + (0x1000).to_bytes(4, "little")
        self.assertEqual(constant_argument(before_call(lea), RETURNS, RDI), RETURNS - 5 + 0x1000)
        behind = b"\x31\xc0"
        self.assertEqual(constant_argument(before_call(lea, behind), RETURNS, RDI), RETURNS - 5 - 2 + 0x1000)
        self.assertIsNone(constant_argument(before_call(lea), RETURNS, RSI))

    def test_takes_the_last_of_several(self):
        first, last = (b"\x48\x8d\x35" + (offset & 0xFFFFFFFF).to_bytes(4, "little") for offset in (0x10, -0x20))
        self.assertEqual(constant_argument(before_call(first, last), RETURNS, RSI), RETURNS - 5 - 0x20)

    def test_tells_an_address_of_an_executable_that_is_not_relocated(self):
        self.assertEqual(constant_argument(before_call(b"\xbf\x78\x56\x34\x12"), RETURNS, RDI), 0x12345678)

    def test_tells_every_register_of_arguments(self):
        for register, rex, modrm in ((RDI, 0x48, 0x3D), (RSI, 0x48, 0x35), (RDX, 0x48, 0x15), (RCX, 0x48, 0x0D), (R8, 0x4C, 0x05), (R9, 0x4C, 0x0D)):
            lea = bytes((rex, 0x8D, modrm)) + (0x40).to_bytes(4, "little")
            told = {each: constant_argument(before_call(lea), RETURNS, each) for each in (RDI, RSI, RDX, RCX, R8, R9)}
            self.assertEqual({each: place for each, place in told.items() if place is not None}, {register: RETURNS - 5 + 0x40})
        self.assertEqual(constant_number(before_call(b"\x41\xb8\xac\x08\x00\x00"), RETURNS, R8), 2220)
        self.assertEqual(constant_number(before_call(b"\xba\x07\x00\x00\x00"), RETURNS, RDX), 7)

    def test_does_not_take_another_registers_number_nor_one_that_is_cleared(self):
        self.assertIsNone(constant_number(before_call(b"\x41\xbe\x07\x00\x00\x00"), RETURNS, RSI))
        self.assertIsNone(constant_argument(before_call(b"\x48\x8d\x35\x10\x00\x00\x00", b"\x31\xf6"), RETURNS, RSI))
        self.assertIsNone(constant_argument(before_call(b"\x4c\x8d\x0d\x10\x00\x00\x00", b"\x45\x31\xc9"), RETURNS, R9))

    def test_takes_no_argument_of_a_call_before(self):
        lea = b"\x48\x8d\x3d" + (0x1000).to_bytes(4, "little")
        self.assertIsNone(constant_argument(before_call(lea, CALL, b"\x48\x89\xe7"), RETURNS, RDI))

    def test_does_not_take_the_call_for_an_argument(self):
        self.assertIsNone(constant_argument(b"\x90" * 35 + b"\xe8\xbf\x00\x00\x00", RETURNS, RDI))
        for size in range(12):
            self.assertIsNone(constant_argument(b"\x90" * size, RETURNS, RDI))


if __name__ == "__main__":
    unittest.main()
