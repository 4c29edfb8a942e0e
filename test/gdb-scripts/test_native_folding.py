"""Which frames of a long stack are told."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from inquest.folding import Fold, keep_ends, keep_ends_around, period  # noqa: E402


def unfold(items, keys):
    """The keys that a list of items stands for: a fold repeats the cycle before or behind it."""
    out = []
    for position, item in enumerate(items):
        if isinstance(item, Fold):
            following = [keys[each] for each in items[position + 1 :] if not isinstance(each, Fold)][: item.cycle]
            out.extend(following * item.count)
        else:
            out.append(keys[item])
    return out


class Folding(unittest.TestCase):
    def test_a_stack_within_the_limit_stays_whole(self):
        self.assertEqual(keep_ends("abcdef", 6), [0, 1, 2, 3, 4, 5])

    def test_a_long_stack_keeps_both_ends(self):
        self.assertEqual(keep_ends(list(range(1000)), 4), [0, 1, Fold(996, 1), 998, 999])

    def test_a_repeating_middle_is_folded_by_its_cycle(self):
        keys = list("xy" + "abc" * 1000 + "z")
        items = keep_ends(keys, 20)
        folds = [item for item in items if isinstance(item, Fold)]
        self.assertEqual([fold.cycle for fold in folds], [3])
        self.assertLessEqual(len(items), 21)
        self.assertEqual(unfold(items, keys), keys)

    def test_nothing_is_lost_or_counted_twice(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for _ in range(300):
            cycle = [chance.randrange(5) for _ in range(chance.randrange(1, 9))]
            keys = [chance.randrange(9) for _ in range(chance.randrange(30))] + cycle * chance.randrange(1, 60)
            keys += [chance.randrange(9) for _ in range(chance.randrange(30))]
            limit = chance.randrange(2, 60)
            items = keep_ends(keys, limit)
            told = sum(item.cycle * item.count if isinstance(item, Fold) else 1 for item in items)
            self.assertEqual(told, len(keys), "seed %d" % seed)
            plain = [item for item in items if not isinstance(item, Fold)]
            self.assertEqual(plain, sorted(set(plain)), "seed %d" % seed)
            self.assertLessEqual(len(plain), max(limit, 1), "seed %d" % seed)

    def test_frames_that_were_never_unwound_join_the_fold(self):
        keys = list("xy" + "abc" * 100 + "z")
        items = keep_ends_around(keys, 20, 2 + 3 * 40, Fold(3, 5000))
        folds = [item for item in items if isinstance(item, Fold)]
        self.assertEqual(len(folds), 1)
        told = sum(item.cycle * item.count if isinstance(item, Fold) else 1 for item in items)
        self.assertEqual(told, len(keys) + 3 * 5000)
        self.assertLessEqual(len(items), 20 + 2 * 3)
        self.assertEqual(unfold(items, keys), list("xy" + "abc" * 5100 + "z"))

    def test_the_period_is_the_smallest_one(self):
        self.assertEqual(period("aaaa"), 1)
        self.assertEqual(period("abab" * 10), 2)
        self.assertIsNone(period("abcd"))
        self.assertIsNone(period(""))


if __name__ == "__main__":
    unittest.main()
