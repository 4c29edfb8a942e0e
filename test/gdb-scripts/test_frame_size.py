"""The size of frames whose functions have no call frame information."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.frame_size import FrameSize, frame_size  # noqa: E402


def rows(*texts):
    return [(0x1000 + 4 * index, 4, text) for index, text in enumerate(texts)]


# musl's raise, from its entry to its end.
RAISE = rows(
    "push   %rbp",
    "push   %rbx",
    "mov    %edi,%ebx",
    "sub    $0x98,%rsp",
    "mov    %rsp,%rbp",
    "call   0x9000",
    "cmp    $0x1,%rsp",
    "jne    0x1034",
    "add    $0x98,%rsp",
    "mov    %ebx,%eax",
    "pop    %rbx",
    "pop    %rbp",
    "ret",
    "call   0x9100",
    "hlt",
)


def at(code, index):
    return frame_size(code, 0x1000 + 4 * index)


class Sizes(unittest.TestCase):
    def test_nothing_is_pushed_at_the_entry(self):
        self.assertEqual(at(RAISE, 0), FrameSize(0, {}))

    def test_a_body_has_what_was_pushed_and_the_room_that_was_made(self):
        self.assertEqual(at(RAISE, 6), FrameSize(0xA8, {"rbp": 0xA0, "rbx": 0x98}))

    def test_an_epilogue_takes_it_back(self):
        self.assertEqual(at(RAISE, 9), FrameSize(0x10, {"rbp": 8, "rbx": 0}))
        self.assertEqual(at(RAISE, 12), FrameSize(0, {}))

    def test_what_follows_a_return_has_the_body_s_frame(self):
        self.assertEqual(at(RAISE, 14), FrameSize(0xA8, {"rbp": 0xA0, "rbx": 0x98}))

    def test_a_return_before_the_prologue_changes_nothing(self):
        code = rows("test   %edi,%edi", "jne    0x100c", "ret", "sub    $0x8,%rsp", "call   0x9000", "add    $0x8,%rsp", "ret")
        self.assertEqual([frame.size if frame is not None else None for frame in (at(code, 3), at(code, 5), at(code, 6))], [0, 8, 0])

    def test_arguments_on_the_stack_count(self):
        code = rows("sub    $0x8,%rsp", "push   %r9", "push   $0x0", "call   0x9000", "add    $0x18,%rsp", "jmp    0x8000")
        self.assertEqual(at(code, 4), FrameSize(0x18, {"r9": 8}))

    def test_a_stack_pointer_that_is_computed_tells_nothing(self):
        self.assertIsNone(at(rows("push   %rbp", "mov    %rsp,%rbp", "and    $0xfffffffffffffff0,%rsp", "call   0x9000"), 3))
        self.assertIsNone(at(rows("push   %rbp", "mov    %rsp,%rbp", "leave", "ret"), 3))


if __name__ == "__main__":
    unittest.main()
