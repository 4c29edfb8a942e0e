"""Each reader decodes what the builders of ``fake_memory`` wrote, for the layout of every version, over random values."""

from __future__ import annotations

import os
import random
import unittest
from typing import Any, Iterator, List, Tuple

from fake_memory import Builder, all_layouts

from inquest.memory import Reader
from inquest.objects.limits import ReprLimits
from inquest.objects.values import Values

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))
WIDE = ReprLimits(depth=20, items=10_000, string=10_000, length=1_000_000)


def random_text(rng: random.Random) -> str:
    kinds = [(0, 127), (0, 255), (0, 0xFFFF), (0, 0x10FFFF), (0xD800, 0xDFFF)]
    low, high = rng.choice(kinds)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.choice((0, 1, 2, 5, 40))))


def random_int(rng: random.Random) -> int:
    return rng.choice((-1, 1)) * rng.getrandbits(rng.choice((1, 8, 29, 30, 31, 60, 61, 200, 3000)))


def random_value(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.randrange(9 if depth else 4)
    if kind == 0:
        return random_text(rng)
    if kind == 1:
        return random_int(rng)
    if kind == 2:
        return rng.choice((0.0, -1.5, 1e300, 5e-324, rng.random()))
    if kind == 3:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(20)))
    items = [random_value(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 7)))]
    if kind == 4:
        return tuple(items)
    if kind == 5:
        return items
    if kind == 6:
        return {random_int(rng) for _ in items}
    keys = [random_text(rng) if kind == 7 else random_int(rng) for _ in items]
    return dict(zip(keys, items))


def encode(builder: Builder, rng: random.Random, value: Any) -> int:
    if isinstance(value, str):
        forms = ["compact", "legacy"] + (["wchar"] if not builder.old and builder.version <= (3, 11) else [])
        return builder.text(value, rng.choice(forms))
    if isinstance(value, bytes):
        return builder.bytes(value)
    if isinstance(value, int):
        return builder.small_int_2(value) if builder.old and abs(value) < 1 << 31 and rng.random() < 0.5 else builder.int(value)
    if isinstance(value, float):
        return builder.float(value)
    if isinstance(value, (tuple, list)):
        items = [encode(builder, rng, item) for item in value]
        return builder.tuple(items) if isinstance(value, tuple) else builder.list(items)
    if isinstance(value, set):
        return builder.set([encode(builder, rng, item) for item in value], deleted=rng.randrange(4))
    pairs = []
    for key, item in value.items():
        while rng.random() < 0.2:
            pairs.append((encode(builder, rng, "deleted"), 0))
        pairs.append((encode(builder, rng, key), encode(builder, rng, item)))
    texts = all(isinstance(key, str) for key in value)
    return builder.dict(pairs, unicode_keys=texts and rng.random() < 0.7, log2_size=rng.choice((3, 5, 8, 9, 12)))


def decode(values: Values, address: int) -> Any:
    kind = values.type_name(address)
    if kind == "unicode" or (kind == "str" and values.layouts.version[0] == 3):
        return values.str_value(address)
    if kind in ("bytes", "str"):
        return values.bytes_value(address)
    if kind in ("int", "long"):
        return values.long_value(address)
    if kind == "float":
        return values.float_value(address)
    if kind == "tuple":
        return tuple(decode(values, item) for item in values.tuple_items(address))
    if kind == "list":
        return [decode(values, item) for item in values.list_items(address)]
    if kind == "set":
        return {decode(values, item) for item in values.set_items(address)}
    return {decode(values, key): decode(values, item) for key, item in values.dict_items(address)}


def builders() -> Iterator[Tuple[str, Builder, Values]]:
    for name, layouts in all_layouts():
        builder = Builder(layouts)
        yield name, builder, Values(Reader(builder.memory), layouts)


class RandomValues(unittest.TestCase):
    def test_every_reader_decodes_what_was_encoded(self) -> None:
        rng = random.Random(SEED)
        for name, builder, values in builders():
            for turn in range(60):
                value = random_value(rng)
                if builder.old:
                    value = joined(value)
                with self.subTest(version=name, seed=SEED, turn=turn):
                    self.assertEqual(decode(values, encode(builder, rng, value)), value)

    def test_the_repr_is_that_of_python(self) -> None:
        rng = random.Random(SEED)
        for name, builder, values in builders():
            for turn in range(40 if not builder.old else 0):
                value = random_value(rng)
                with self.subTest(version=name, seed=SEED, turn=turn):
                    self.assertEqual(values.repr(encode(builder, rng, value), WIDE).text, repr(value))


def joined(value: Any) -> Any:
    """2.7 as built here has 2-byte units: pairs of surrogates are one character there."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(joined, value))
    if isinstance(value, dict):
        return {joined(key): joined(item) for key, item in value.items()}
    return value


class Details(unittest.TestCase):
    def test_reads_ints_of_15_bit_digits(self) -> None:
        for name, layouts in all_layouts():
            rng = random.Random(SEED)
            builder = Builder(layouts)
            values = Values(Reader(builder.memory), layouts)
            for _ in range(30):
                number = random_int(rng)
                self.assertEqual(values.long_value(builder.int(number, 15)), number, "%s seed %d" % (name, SEED))

    def test_reads_unicode_of_2_and_of_4_bytes_without_being_told(self) -> None:
        name, layouts = all_layouts()[0]
        self.assertEqual(name, "2.7")
        for wide in (2, 4):
            builder = Builder(layouts)
            values = Values(Reader(builder.memory), layouts)
            for value in ("a", "ab", "\u0416\u0418", "", "x\U0001f600y", "\U0001f600"):
                self.assertEqual(values.str_value(builder.text_2(value, wide)), value, wide)

    def test_finds_attributes_wherever_the_version_keeps_them(self) -> None:
        names = ["first", "second", "third"]
        for name, layouts in all_layouts():
            for how in ("dict", "split"):
                builder = Builder(layouts)
                values = Values(Reader(builder.memory), layouts)
                numbers = [builder.int(number) for number in (1, 2, 3)]
                order = [2, 0, 1]
                address = builder.instance("Basket", names, numbers, order, how)
                found = {key: values.long_value(value) for key, value in values.attribute_dict(address).items()}
                self.assertEqual(found, {"third": 3, "first": 1, "second": 2}, (name, how))
                self.assertEqual(list(found), ["third", "first", "second"], (name, how))
                self.assertEqual(values.getattr_static(address, "second"), numbers[1])
                self.assertIsNone(values.getattr_static(address, "absent"))
                text = values.repr(address).text
                suffix = "L" if builder.old else ""
                self.assertEqual(text, "<shop.Basket object at 0x%x> {third: 3%s, first: 1%s, second: 2%s}" % (address, suffix, suffix, suffix))

    def test_reads_tables_with_indices_of_every_size(self) -> None:
        for name, builder, values in builders():
            for log2_size in (3, 7, 8, 9, 15, 16, 17):
                pairs = [(builder.int(number), builder.int(-number)) for number in (1, 2, 3)]
                address = builder.dict(pairs, log2_size=log2_size)
                found = [(values.long_value(key), values.long_value(value)) for key, value in values.dict_items(address)]
                self.assertEqual(found, [(1, -1), (2, -2), (3, -3)], (name, log2_size))

    def test_gives_the_size_of_ints_too_large_to_print(self) -> None:
        for name, builder, values in builders():
            found = values.repr(builder.int(1 << 20_000))
            self.assertEqual(found.text, "<int of 20001 bits>", name)
            self.assertTrue(found.truncated)

    def test_names_a_subclass_that_has_a_repr_of_its_own(self) -> None:
        for name, builder, values in builders():
            base = builder.type("list")
            plain = builder.type("Plain", flags=1 << 25, bases=[base], module="shop")
            loud = builder.type("Loud", flags=1 << 25, bases=[base], module="shop")
            builder.put(loud, "PyTypeObject", "tp_repr", 0x999)
            texts: List[str] = []
            for kind in (plain, loud):
                address = builder.list([builder.float(0.5)])
                builder.put(address, "PyObject", "ob_type", kind)
                texts.append(values.repr(address).text)
            self.assertEqual(texts, ["[0.5]", "shop.Loud([0.5])"], name)


if __name__ == "__main__":
    unittest.main()
