"""numpy's moments as text."""

import datetime
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.objects.numpy_times import datetime_text, timedelta_text, unit_text  # noqa: E402

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


class Times(unittest.TestCase):
    def test_every_unit_is_told_to_its_own_precision(self):
        for value, unit, text in (
            (50, "Y", "2020"),
            (602, "M", "2020-03"),
            (-1, "D", "1969-12-31"),
            (1, "W", "1970-01-08"),
            (1, "h", "1970-01-01T01"),
            (61, "m", "1970-01-01T01:01"),
            (1582938123, "s", "2020-02-29T01:02:03"),
            (-1, "ms", "1969-12-31T23:59:59.999"),
            (1583064005123456789, "ns", "2020-03-01T12:00:05.123456789"),
            (2, "25s", "1970-01-01T00:00:50"),
            (7, "", "7"),
            (-(1 << 63), "D", "NaT"),
        ):
            self.assertEqual(datetime_text(value, unit), text)

    def test_days_are_those_of_the_calendar(self):
        chosen = random.Random(SEED)
        first = datetime.date(1970, 1, 1).toordinal()
        for _ in range(2_000):
            day = chosen.randrange(1, datetime.date.max.toordinal())
            self.assertEqual(datetime_text(day - first, "D"), datetime.date.fromordinal(day).isoformat())

    def test_spans_are_counts_and_units_have_multiples(self):
        self.assertEqual([timedelta_text(5), timedelta_text(-(1 << 63))], ["5", "NaT"])
        self.assertEqual([unit_text(4, 1), unit_text(7, 25), unit_text(14, 1), unit_text(99, 1)], ["D", "25s", "", ""])


if __name__ == "__main__":
    unittest.main()
