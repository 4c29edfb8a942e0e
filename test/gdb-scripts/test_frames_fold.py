"""Folding of long stacks."""

from __future__ import annotations

import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gdb-scripts"))

from inquest.frames.fold import Fold, shown  # noqa: E402


def covered(items):
    """How many frames the shown ones and the folds stand for."""
    return sum(item.cycle * item.times if isinstance(item, Fold) else 1 for item in items)


class Folding(unittest.TestCase):
    def test_a_short_stack_is_shown_whole(self):
        keys = [1, 2, 2, 2, 3]
        self.assertEqual(shown(keys, 100), [0, 1, 2, 3, 4])

    def test_a_recursion_of_a_hundred_thousand_frames_is_one_fold(self):
        keys = ["crash", *["again"] * 100_000, "main"]
        found = shown(keys, 1000)
        self.assertEqual(found, [0, 1, 2, Fold(1, 99_997), 100_000, 100_001])

    def test_mutual_recursion_is_folded_by_its_cycle(self):
        keys = ["crash", *["a", "b", "c"] * 1000, "main"]
        folds = [item for item in shown(keys, 1000) if isinstance(item, Fold)]
        self.assertEqual(folds, [Fold(3, 997)])

    def test_what_does_not_repeat_is_cut_in_the_middle(self):
        found = shown(list(range(1000)), 100)
        frames = [item for item in found if not isinstance(item, Fold)]
        self.assertEqual(len(frames), 100)
        self.assertEqual((frames[0], frames[-1]), (0, 999))
        self.assertEqual([item for item in found if isinstance(item, Fold)], [Fold(900, 1)])

    def test_every_frame_is_shown_or_counted_once_and_in_order(self):
        seed = random.randrange(1 << 32)
        source = random.Random(seed)
        for _ in range(300):
            keys = []
            while len(keys) < source.randrange(1, 600):
                cycle = [source.randrange(4) for _ in range(source.randrange(1, 7))]
                keys += cycle * source.choice((1, 1, 2, 40, 200))
            most = source.choice((2, 10, 100, 10_000))
            found = shown(keys, most)
            self.assertEqual(covered(found), len(keys), "seed %d" % seed)
            place = 0
            for item in found:
                if isinstance(item, Fold):
                    run = keys[place : place + item.cycle * item.times]
                    if item.times > 1:
                        self.assertEqual(run, run[: item.cycle] * item.times, "seed %d" % seed)
                    place += len(run)
                else:
                    self.assertEqual(item, place, "seed %d" % seed)
                    place += 1
            self.assertLessEqual(sum(not isinstance(item, Fold) for item in found), most, "seed %d" % seed)


if __name__ == "__main__":
    unittest.main()
