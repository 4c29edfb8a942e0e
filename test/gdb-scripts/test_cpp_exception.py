"""What was thrown is read as the unwinder, libstdc++ lay it out, and told only while it is under way."""

from __future__ import annotations

import random
import struct
import unittest
from typing import Optional

from fake_memory import FakeMemory

from inquest.diagnose.cpp_exception import cpp_exception

STACK = 0x7FFD00000000
HEAP = 0x602000
TYPES = 0x500000
GNU = b"\0++CCUNG"


class FakeCore(FakeMemory):
    def __init__(self) -> None:
        super().__init__()
        self.write(STACK, bytes(16 << 10))
        self.write(HEAP, bytes(16 << 10))
        self.write(TYPES, bytes(16 << 10))


def name(core: FakeCore, at: int, text: str) -> int:
    core.write(at, text.encode() + b"\0")
    return at


def kind(core: FakeCore, at: int, text: str) -> int:
    """The vtable of a class of type_info: its own type_info stands right in front of it."""
    core.write(at, struct.pack("<QQ", 0, name(core, at + 64, text)))
    core.write(at + 40, struct.pack("<Q", at))
    return at + 48


def class_type(core: FakeCore, at: int, text: str, base: Optional[int] = None) -> int:
    single = kind(core, TYPES + 0x2000, "N10__cxxabiv120__si_class_type_infoE")
    plain = kind(core, TYPES + 0x2400, "N10__cxxabiv117__class_type_infoE")
    core.write(at, struct.pack("<QQQ", plain if base is None else single, name(core, at + 128, text), base or 0))
    return at


def throw(core: FakeCore, unwind: int, info: int, thrown: bytes, *, handlers: int = 1, outer: int = 0, on_stack: int = STACK + 0x400) -> None:
    """``__cxa_exception`` in front of its ``_Unwind_Exception``, as unwind-cxx.h declares it."""
    core.write(unwind - 80, struct.pack("<QQQQQiiQQQQ", info, 0, 0, 0, outer, handlers, 0, 0, 0, 0, unwind + 32))
    core.write(unwind, struct.pack("<8sQQQ", GNU, 0x401000, 0, 0) + thrown)
    core.write(on_stack, struct.pack("<Q", unwind))


def counted(core: FakeCore, at: int, text: bytes, length: Optional[int] = None) -> int:
    size = len(text) if length is None else length
    core.write(at, struct.pack("<QQQ", size, size, 0) + text + b"\0")
    return at + 24


class Exceptions(unittest.TestCase):
    def setUp(self) -> None:
        self.core = FakeCore()
        root = class_type(self.core, TYPES + 0x100, "St9exception")
        self.runtime = class_type(self.core, TYPES + 0x200, "St13runtime_error", root)
        self.own = class_type(self.core, TYPES + 0x300, "N4shop10StockErrorE", self.runtime)

    def told(self) -> Optional[dict]:
        return cpp_exception(self.core, {"rip": 0x401000, "rsp": STACK}, STACK)

    def test_type_bases_and_text(self) -> None:
        text = counted(self.core, HEAP + 0x800, b"no such shelf")
        throw(self.core, HEAP + 0x100, self.own, struct.pack("<QQ", 0x401000, text))
        self.assertEqual(
            self.told(),
            {
                "type": "N4shop10StockErrorE",
                "bases": ["St13runtime_error", "St9exception"],
                "text": "no such shelf",
                "address": hex(HEAP + 0x120),
            },
        )

    def test_a_base_behind_another_one(self) -> None:
        several = kind(self.core, TYPES + 0x2800, "N10__cxxabiv121__vmi_class_type_infoE")
        other = class_type(self.core, TYPES + 0x400, "4shop")
        multi = TYPES + 0x600
        self.core.write(multi, struct.pack("<QQIIQqQq", several, name(self.core, TYPES + 0x700, "5Multi"), 0, 2, other, 2, self.runtime, (16 << 8) | 2))
        text = counted(self.core, HEAP + 0x800, b"two bases")
        throw(self.core, HEAP + 0x100, multi, struct.pack("<QQQQ", 0x401000, 5, 0x401000, text))
        self.assertEqual((self.told() or {})["text"], "two bases")

    def test_what_is_no_class(self) -> None:
        for mangled, thrown, expected in (
            ("i", struct.pack("<i", -3), "-3"),
            ("PKc", struct.pack("<Q", HEAP + 0x900), "a C string"),
            ("NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE", struct.pack("<QQ", HEAP + 0x900, 3), "a C"),
            ("d", struct.pack("<d", 1.5), None),
        ):
            with self.subTest(mangled):
                self.core.write(HEAP + 0x900, b"a C string\0")
                throw(self.core, HEAP + 0x100, class_type(self.core, TYPES + 0x900, mangled), thrown)
                self.assertEqual((self.told() or {})["text"], expected)

    def test_one_that_was_dealt_with_is_not_told(self) -> None:
        throw(self.core, HEAP + 0x100, self.own, struct.pack("<QQ", 0x401000, 0), handlers=0)
        self.assertIsNone(self.told())

    def test_the_innermost_of_nested_ones_and_none_where_two_stand_side_by_side(self) -> None:
        throw(self.core, HEAP + 0x100, self.runtime, struct.pack("<QQ", 0x401000, counted(self.core, HEAP + 0x800, b"cause")))
        throw(
            self.core,
            HEAP + 0x300,
            self.own,
            struct.pack("<QQ", 0x401000, counted(self.core, HEAP + 0xA00, b"effect")),
            outer=HEAP + 0x100 - 80,
            on_stack=STACK + 0x500,
        )
        self.assertEqual((self.told() or {})["text"], "effect")
        self.core.write(HEAP + 0x300 - 80 + 32, bytes(8))
        self.assertIsNone(self.told())

    def test_a_text_whose_count_does_not_fit_is_left_out(self) -> None:
        throw(self.core, HEAP + 0x100, self.own, struct.pack("<QQ", 0x401000, counted(self.core, HEAP + 0x800, b"no such shelf", 5)))
        told = self.told() or {}
        self.assertEqual((told["type"], told["text"]), ("N4shop10StockErrorE", None))

    def test_any_memory_is_answered(self) -> None:
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        throw(self.core, HEAP + 0x100, self.own, struct.pack("<QQ", 0x401000, counted(self.core, HEAP + 0x800, b"no such shelf")))
        for _ in range(200):
            at = chance.choice([HEAP + 0xB0, HEAP + 0x120, HEAP + 0x800, TYPES + 0x300, TYPES + 0x2000]) + chance.randrange(64)
            self.core.write(at, chance.randbytes(8) if hasattr(chance, "randbytes") else bytes(chance.randrange(256) for _ in range(8)))
            told = self.told()
            self.assertTrue(told is None or bool(told["type"]), "seed %d" % seed)


if __name__ == "__main__":
    unittest.main()
