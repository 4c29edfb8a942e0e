"""The last line of a logging library is found where it stands, and only that of the thread that aborts."""

import os
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.core_file import Segment  # noqa: E402
from inquest.diagnose.logged_fatal import logged_fatal  # noqa: E402

HEAP, STACK = 0x602000, 0x7FFD00000000
LINE = b"F20261128 15:30:00.123456  4711 crane.cpp:12] Check failed: n == 3 (5 vs. 3) "
RAW = b"[berth.cpp : 7] RAW: Check n == 3 failed: must be three\n"


def told(heap, stack, lwp=4711):
    data = heap.ljust(8192, b"\0") + stack.ljust(8192, b"\0")
    segments = [Segment(HEAP, HEAP + 8192, 0, 8192, True), Segment(STACK, STACK + 8192, 8192, 8192, True)]
    core = types.SimpleNamespace(segments=segments, elf=types.SimpleNamespace(data=data))
    core.segment_at = lambda address: next((each for each in segments if each.start <= address < each.end), None)
    core.data_of = lambda segment: [(segment.offset, segment.offset + segment.dumped)]
    core.read = lambda address, size: data[address - STACK + 8192 :][:size]
    found = logged_fatal(core, lwp, STACK + 64)
    return found and found["text"]


class Lines(unittest.TestCase):
    def test_in_the_heap_or_on_the_stack_once_or_as_a_copy_that_is_cut(self):
        wanted = LINE.decode().strip()
        self.assertEqual(told(b"x" * 100 + LINE + b"\n", b""), wanted)
        self.assertEqual(told(b"", b"\0" * 100 + LINE), wanted)
        self.assertEqual(told(LINE + b"\n\0" + LINE[:-20] + b"\0", b""), wanted)
        self.assertEqual(told(LINE.replace(b"F20261128", b"F1128") + b"\n", b"")[:6], "F1128 ")

    def test_of_raw_logging_only_on_the_live_stack(self):
        self.assertEqual(told(b"", b"\0" * 100 + RAW), RAW.decode().strip())
        self.assertIsNone(told(RAW, b""))
        self.assertIsNone(told(b"", RAW))

    def test_not_of_another_thread_of_another_severity_or_of_two(self):
        self.assertIsNone(told(LINE, b"", lwp=4712))
        self.assertIsNone(told(b"E" + LINE[1:], b""))
        self.assertIsNone(told(LINE + b"\0" + LINE.replace(b"crane", b"quay"), b""))
        self.assertIsNone(told(LINE[:40], b""))


if __name__ == "__main__":
    unittest.main()
