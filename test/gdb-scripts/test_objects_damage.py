"""Damaged values become marked holes, their siblings survive, and no value costs more reads than its limits allow."""

from __future__ import annotations

import os
import random
import unittest
from typing import Tuple

from fake_memory import Builder, all_layouts
from test_objects_readers import encode, random_value

from inquest.layout.tables import load_named
from inquest.memory import Budget, BudgetExceeded, MemoryFault, Reader
from inquest.objects.limits import ReprLimits
from inquest.objects.values import Values

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


def builder_of(name: str) -> Tuple[Builder, Values]:
    layouts = load_named(name)
    builder = Builder(layouts)
    return builder, Values(Reader(builder.memory), layouts)


class MarkedHoles(unittest.TestCase):
    def setUp(self) -> None:
        self.builder, self.values = builder_of("3.13")

    def siblings_of(self, damaged: int) -> str:
        builder = self.builder
        return self.values.repr(builder.list([builder.int(1), damaged, builder.text("after")])).text

    def test_a_trashed_type_is_a_hole_and_its_siblings_survive(self) -> None:
        victim = self.builder.int(5)
        for trash in (0, 8, 0x41414141, 0xDEADBEEF00000000, victim, self.builder.text("no type")):
            self.builder.put(victim, "PyObject", "ob_type", trash)
            text = self.siblings_of(victim)
            self.assertTrue(text.startswith("[1, <unreadable 0x%x: its type 0x%x: " % (victim, trash)), text)
            self.assertTrue(text.endswith(">, 'after']"), text)

    def test_a_list_that_says_its_size_is_2_to_the_62_is_a_hole(self) -> None:
        victim = self.builder.list([self.builder.int(5)])
        for size in (1 << 62, -1, 1 << 20):
            self.builder.put(victim, "PyVarObject", "ob_size", size)
            self.assertEqual(self.siblings_of(victim), "[1, <unreadable 0x%x: list whose size says %d (4 allocated)>, 'after']" % (victim, size))

    def test_freed_memory_says_so_for_every_fill_byte(self) -> None:
        for fill in (0xDD, 0xDB, 0xCB, 0xFB, 0xCD, 0xFD):
            victim = self.builder.int(5)
            self.builder.memory.write(victim, bytes([fill]) * 32)
            self.assertEqual(self.siblings_of(victim), "[1, <freed memory 0x%x>, 'after']" % victim)
            pointer = int.from_bytes(bytes([fill]) * 8, "little")
            self.assertEqual(self.siblings_of(pointer), "[1, <freed memory 0x%x>, 'after']" % pointer)

    def test_an_object_without_references_is_freed_memory_with_its_type(self) -> None:
        victim = self.builder.int(5)
        for count in (0, 0x7F1234567890):
            self.builder.put(victim, "PyObject", "ob_refcnt", count)
            self.assertEqual(self.siblings_of(victim), "[1, <freed memory 0x%x, was int>, 'after']" % victim)

    def test_an_unmapped_address_is_a_hole(self) -> None:
        self.assertEqual(self.siblings_of(0x123456789000), "[1, <unreadable 0x123456789000: unmapped at 0x123456789008>, 'after']")
        self.assertEqual(self.siblings_of(0), "[1, <NULL>, 'after']")
        self.assertEqual(self.siblings_of(0x1234567890AB), "[1, <unreadable 0x1234567890ab: not an object's address>, 'after']")

    def test_an_overwritten_dict_table_keeps_what_came_before_it(self) -> None:
        builder = self.builder
        pairs = [(builder.int(number), builder.int(number)) for number in range(4)]
        victim = builder.dict(pairs)
        keys = builder.word_at(victim + builder.place("PyDictObject", "ma_keys").offset)
        builder.put(keys, "PyDictKeysObject", "dk_log2_size", 200)
        self.assertIn("dict keys whose size says 2**200", self.siblings_of(victim))
        builder.put(keys, "PyDictKeysObject", "dk_log2_size", 3)
        builder.put(pairs[1][0], "PyObject", "ob_type", 0x1000)
        text = self.siblings_of(victim)
        self.assertTrue(text.startswith("[1, {0: 0, <unreadable 0x%x" % pairs[1][0]), text)
        self.assertTrue(text.endswith(">: 1, 2: 2, 3: 3}, 'after']"), text)

    def test_cycles_end(self) -> None:
        builder = self.builder
        inner = builder.list([0])
        data = builder.place("PyListObject", "ob_item").offset
        items = builder.word_at(inner + data)
        outer = builder.tuple([inner, builder.dict([(builder.int(1), inner)])])
        builder.words(items, [outer])
        self.assertEqual(self.values.repr(inner).text, "[([...], {1: [...]})]")

    def test_a_type_whose_metatypes_form_a_cycle_is_a_hole(self) -> None:
        first, second = self.builder.type("first", flags=1 << 31), self.builder.type("second", flags=1 << 31)
        self.builder.put(first, "PyObject", "ob_type", second)
        self.builder.put(second, "PyObject", "ob_type", first)
        victim = self.builder.new(first, 32)
        self.assertEqual(self.siblings_of(victim), "[1, <unreadable 0x%x: its type 0x%x: not a type>, 'after']" % (victim, first))

    def test_an_object_is_no_type_though_its_own_type_is_known(self) -> None:
        number = self.builder.int(7)
        self.assertEqual(self.values.repr(number).text, "7")
        with self.assertRaises(MemoryFault):
            self.values.types.flags(number)

    def test_a_deque_whose_blocks_form_a_cycle_ends(self) -> None:
        builder = self.builder
        kind = builder.type("collections.deque", basicsize=builder.struct_size("dequeobject"))
        victim = builder.new(kind, builder.struct_size("dequeobject"), 100_000)
        block = builder.memory.allocate(builder.struct_size("block"))
        start = builder.place("block", "data").offset
        builder.words(block + start, [builder.none] * 64)
        builder.put(block, "block", "rightlink", block)
        builder.put(victim, "dequeobject", "leftblock", block)
        builder.put(victim, "dequeobject", "maxlen", -1)
        text = self.values.repr(victim, ReprLimits(items=1000, length=100_000)).text
        self.assertEqual(text, "deque([" + "None, " * 64 + "<unreadable 0x%x: deque whose blocks form a cycle>])" % victim)


class Budgets(unittest.TestCase):
    def test_a_value_that_shares_itself_a_thousandfold_stays_within_its_reads(self) -> None:
        builder, values = builder_of("3.13")
        value = builder.list([])
        for _ in range(30):
            value = builder.list([value] * 40)
        limits = ReprLimits(depth=100, length=10**9, items=40, reads=3000)
        builder.memory.reads = 0
        found = values.repr(value, limits)
        self.assertLessEqual(builder.memory.reads, limits.reads)
        self.assertTrue(found.truncated)

    def test_the_reports_budget_ends_every_value(self) -> None:
        layouts = load_named("3.13")
        builder = Builder(layouts)
        value = builder.list([builder.int(number) for number in range(30)])
        for reads in range(0, 60, 7):
            values = Values(Reader(builder.memory, Budget(reads=reads)), layouts)
            with self.assertRaises(BudgetExceeded):
                values.repr(value)
            self.assertLessEqual(builder.memory.reads, reads + 1)
            builder.memory.reads = 0

    def test_random_damage_raises_nothing_and_stays_within_limits(self) -> None:
        rng = random.Random(SEED)
        limits = ReprLimits(reads=2000)
        for name, layouts in all_layouts():
            for turn in range(12):
                builder = Builder(layouts)
                roots = [encode(builder, rng, random_value(rng)) for _ in range(6)]
                roots.append(builder.instance("Basket", ["a", "b"], [builder.none, builder.int(5)], [1, 0], rng.choice(("dict", "split"))))
                self.damage(rng, builder)
                with self.subTest(version=name, seed=SEED, turn=turn):
                    for root in roots:
                        self.read_all(builder, Values(Reader(builder.memory), layouts), root, limits)

    def damage(self, rng: random.Random, builder: Builder) -> None:
        pages = sorted(builder.memory.pages)
        for _ in range(rng.choice((3, 30, 300))):
            page = rng.choice(pages)
            word = rng.choice((0, 1, (1 << 64) - 1, 1 << 62, 0xDD * 0x0101010101010101, page * 4096, rng.getrandbits(64), rng.randrange(300)))
            builder.memory.write(page * 4096 + 8 * rng.randrange(512), word.to_bytes(8, "little"))
        if rng.random() < 0.3:
            del builder.memory.pages[rng.choice(pages)]

    def read_all(self, builder: Builder, values: Values, address: int, limits: ReprLimits) -> None:
        builder.memory.reads = 0
        found = values.repr(address, limits)
        self.assertLessEqual(builder.memory.reads, limits.reads)
        self.assertLess(len(found.text), 20 * limits.length)
        readers = (values.type_of, values.str_value, values.bytes_value, values.long_value, values.float_value, values.tuple_items)
        for reader in (*readers, values.list_items, values.dict_items, values.set_items, values.attribute_dict):
            try:
                reader(address)
            except MemoryFault:
                continue


if __name__ == "__main__":
    unittest.main()
