"""What a panic of Rust said, as std lays it out in memory, and what only looks like it."""

from __future__ import annotations

import random
import struct
import unittest
from typing import Optional, Tuple

from fake_memory import FakeMemory

from inquest.diagnose.rust_payload import rust_payload

STACK = 0x7FFD00008000
HEAP = 0x602000
DATA = 0x500000
STRING, LITERAL = DATA + 0x100, DATA + 0x200
TEXT = "weight 7 is too much: größer".encode()


class Panics(unittest.TestCase):
    def setUp(self) -> None:
        self.core = FakeMemory()
        self.core.write(STACK - 0x4000, bytes(0x6000))
        for place in (HEAP, DATA):
            self.core.write(place, bytes(16 << 10))
        for vtable, size in ((STRING, 24), (LITERAL, 16)):
            self.core.write(vtable, struct.pack("<QQQQ", 0x401000, size, 8, 0x401100))

    def panic(self, at: int, words: Tuple[int, ...], *, vtable: int = STRING, on_stack: int = STACK + 0x300, mark: bytes = b"MOZ\0RUST") -> None:
        """``panic_unwind::imp::Exception`` and its payload."""
        self.core.write(at + 0x80, struct.pack("<%dQ" % len(words), *words))
        self.core.write(at, struct.pack("<8sQQQQQQ", mark, 0x401000, 0, 0, DATA, at + 0x80, vtable))
        self.core.write(on_stack, struct.pack("<Q", at))

    def text(self, content: bytes = TEXT, at: int = HEAP + 0x800) -> int:
        self.core.write(at, content)
        return at

    def told(self) -> Optional[str]:
        told = rust_payload(self.core, {"rsp": STACK, "rbx": 3}, STACK)
        return told["text"] if told is not None else None

    def test_a_string_in_any_order_of_its_fields_and_a_literal(self) -> None:
        place, size = self.text(), len(TEXT)
        for words in ((size + 9, place, size), (place, size + 9, size), (size, size, place)):
            with self.subTest(words=words):
                self.panic(HEAP + 0x100, words)
                self.assertEqual(self.told(), TEXT.decode())
        self.panic(HEAP + 0x100, (place, 8), vtable=LITERAL)
        self.assertEqual(self.told(), "weight 7")

    def test_one_that_only_the_dead_part_of_the_stack_still_names(self) -> None:
        self.panic(HEAP + 0x100, (40, self.text(), len(TEXT)), on_stack=STACK - 0x2A0)
        self.assertEqual(self.told(), TEXT.decode())

    def test_nothing_where_two_say_different_things(self) -> None:
        self.panic(HEAP + 0x100, (40, self.text(), len(TEXT)))
        self.panic(HEAP + 0x300, (10, self.text(b"second", HEAP + 0x900), 6), on_stack=STACK + 0x500)
        self.assertIsNone(self.told())

    def test_nothing_of_what_is_no_text_or_no_exception_of_rust(self) -> None:
        place = self.text()
        for words, more in (
            ((40, place, len(TEXT)), {"mark": b"\0++CCUNG"}),
            ((40, place, len(TEXT)), {"vtable": DATA + 0x300}),
            ((40, place, 0), {}),
            ((40, HEAP + 0x900000, 10), {}),
            ((1 << 40, place, 1 << 40), {}),
            ((40, self.text(b"\x01\x02\xff\xfe", HEAP + 0xA00), 4), {}),
        ):
            with self.subTest(words=words, more=more):
                self.panic(HEAP + 0x100, words, **more)
                self.assertIsNone(self.told())
        self.assertIsNone(rust_payload(self.core, {}, None))

    def test_any_memory_is_answered(self) -> None:
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        self.panic(HEAP + 0x100, (40, self.text(), len(TEXT)))
        for _ in range(300):
            at = chance.choice([HEAP + 0x100, HEAP + 0x180, HEAP + 0x800, STRING]) + chance.randrange(64)
            self.core.write(at, bytes(chance.randrange(256) for _ in range(4)))
            told = self.told()
            self.assertTrue(told is None or told.replace("\n", " ").replace("\t", " ").isprintable(), "seed %d" % seed)


if __name__ == "__main__":
    unittest.main()
