"""The walk along a C stack, over frames that stand in for gdb's."""

import importlib
import os
import sys
import time
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))


UNDER_GDB = ("native_skip", "native_code", "native_bridge", "native_records", "native_walk")


class Frame:
    """One of a stack of ``deepest`` frames, no two of which look alike."""

    made = 0

    def __init__(self, depth, deepest):
        Frame.made += 1
        self.depth, self.deepest = depth, deepest

    def pc(self):
        return 0x400000 + 16 * self.depth

    def type(self):
        return 0

    def older(self):
        return Frame(self.depth + 1, self.deepest) if self.depth < self.deepest else None

    def unwind_stop_reason(self):
        return 0

    def architecture(self):
        return mock.Mock(**{"name.return_value": "aarch64"})


def fake_gdb(deepest):
    gdb = types.ModuleType("gdb")
    gdb.error, gdb.MemoryError, gdb.Frame, gdb.Value, gdb.PendingFrame = RuntimeError, MemoryError, Frame, object, object
    gdb.NORMAL_FRAME, gdb.INLINE_FRAME, gdb.TAILCALL_FRAME, gdb.SIGTRAMP_FRAME = 0, 2, 3, 4
    gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST = 0, 1
    gdb.newest_frame = lambda: Frame(0, deepest)
    unwinder = types.ModuleType("gdb.unwinder")
    unwinder.Unwinder, unwinder.register_unwinder = type("Unwinder", (), {}), lambda *arguments, **named: None
    return {"gdb": gdb, "gdb.unwinder": unwinder}


class Walking(unittest.TestCase):
    def walk(self, deepest, limit, seconds, no_code=None):
        """The walk of a thread that deep, when there are so many seconds left; at ``no_code`` can be none."""
        bridges = mock.Mock(used=False, **{"needed.return_value": False, "returns_from_signal.return_value": False, "ends_at.return_value": None, "may_be_code.side_effect": lambda pc: pc != no_code})
        with mock.patch.dict(sys.modules, fake_gdb(deepest)):
            for name in UNDER_GDB:
                sys.modules.pop("inquest." + name, None)
            native_walk = importlib.import_module("inquest.native_walk")
            clock = mock.Mock(**{"deadline.return_value": time.monotonic() + seconds})
            Frame.made = 0
            try:
                return native_walk.walk_thread(mock.Mock(), limit, clock, bridges)
            finally:
                for name in UNDER_GDB:
                    sys.modules.pop("inquest." + name, None)

    def test_a_stack_is_walked_to_its_end(self):
        walk = self.walk(10_000, 50, 3600)
        self.assertEqual((len(walk.frames), walk.truncated), (10_001, False))

    def test_a_stack_ends_where_no_call_can_return_to_and_shows_where_that_is(self):
        walk = self.walk(100, 50, 3600, no_code=0x400000 + 16 * 7)
        self.assertEqual((walk.pcs[-1], len(walk.frames), walk.stop_reason), (0x400070, 8, "the return address is no code"))
        self.assertIsNone(self.walk(100, 50, 3600, no_code=0x400000).stop_reason)

    def test_a_walk_whose_time_is_up_ends_with_what_it_has(self):
        walk = self.walk(100_000, 50, -1)
        self.assertTrue(walk.truncated)
        self.assertGreaterEqual(len(walk.frames), 50)
        self.assertLess(Frame.made, 2_000)

class SearchingTheStack(unittest.TestCase):
    def words(self, sp, top):
        """The addresses of the words that are searched, in 64 KiB of memory from 0x10000 on."""
        with mock.patch.dict(sys.modules, fake_gdb(1)):
            for name in UNDER_GDB:
                sys.modules.pop("inquest." + name, None)
            native_bridge = importlib.import_module("inquest.native_bridge")
            inferior = mock.Mock(**{"read_memory.side_effect": lambda address, size: memoryview(bytes(size))})
            with mock.patch.object(native_bridge.gdb, "selected_inferior", lambda: inferior, create=True):
                try:
                    return [address for address, _ in native_bridge._stack_words(sp, top)]
                finally:
                    for name in UNDER_GDB:
                        sys.modules.pop("inquest." + name, None)

    def test_no_return_address_is_taken_from_above_the_thread_s_own_end_of_the_stack(self):
        self.assertEqual(self.words(0x10010, 0x11020)[-1], 0x11018)

    def test_a_stack_that_the_thread_pointer_does_not_end_is_searched_as_far_as_it_may_reach(self):
        everything = self.words(0x10010, None)
        self.assertEqual(self.words(0x10010, 0x8000), everything)
        self.assertEqual(self.words(0x10010, 0x7F0000000000), everything)


if __name__ == "__main__":
    unittest.main()
