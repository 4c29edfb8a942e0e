"""What free() was given: found by what its fault touched, and told where it lies."""

import os
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from fake_memory import FakeMemory  # noqa: E402
from inquest.core_file import Segment  # noqa: E402
from inquest.core_notes import MappedFile  # noqa: E402
from inquest.diagnose.freed_pointer import pointer_of_fault, pointer_of_message  # noqa: E402
from inquest.heap.malloc_places import malloc_place  # noqa: E402
from inquest.memory import Reader  # noqa: E402

HEAP, LIBRARY, MAPPED, STACK = 0x550000010000, 0x7F5500000000, 0x7F5510000000, 0x7FFF00000000


def words(*values):
    return b"".join(value.to_bytes(8, "little") for value in values)


class Core(FakeMemory):
    """A heap, a library, mapped memory and a stack, a page and more of each."""

    def __init__(self):
        super().__init__()
        self.segments = [Segment(start, start + size, 0, size, True) for start, size in ((HEAP, 65536), (LIBRARY, 8192), (MAPPED, 65536), (STACK, 8192))]
        for segment in self.segments:
            self.write(segment.start, bytes(segment.end - segment.start))
        self.mappings = [MappedFile(LIBRARY, LIBRARY + 8192, 0, "/usr/lib/libshop.so.1")]
        self.modules = [types.SimpleNamespace(name="libshop.so.1", path="/usr/lib/libshop.so.1", mappings=[(LIBRARY, LIBRARY + 8192, 0)], elf=None)]
        self.lwps = [1]

    def segment_at(self, address):
        return next((each for each in self.segments if each.start <= address < each.end), None)

    def sp(self, lwp):
        return STACK + 4096

    def thread_pointer(self, lwp):
        return None

    def chunks(self, start, *sizes):
        """Of malloc, one behind the other; answers the blocks."""
        found = []
        for size in sizes:
            self.write(start, words(0, size | 1))
            found.append(start + 16)
            start += size
        return found


class Places(unittest.TestCase):
    def setUp(self):
        self.core = Core()

    def kind(self, pointer):
        return malloc_place(self.core, pointer, STACK + 4096)

    def test_what_malloc_never_gave(self):
        self.assertEqual(self.kind(42), {"kind": "number"})
        self.assertEqual(self.kind((1 << 64) - 16), {"kind": "number"})
        self.assertEqual(self.kind(0x3FFF12345670), {"kind": "unreadable"})
        self.assertEqual(self.kind(STACK + 4200), {"kind": "stack"})
        self.assertEqual(self.kind(LIBRARY + 64), {"kind": "file", "path": "/usr/lib/libshop.so.1"})
        self.assertEqual(self.kind(MAPPED + 64), {"kind": "anonymous"})

    def test_a_block_and_what_lies_in_it_are_told_apart(self):
        first, second, third, _ = self.core.chunks(HEAP, 0x290, 0x40, 0xD0, 0x60)
        self.assertEqual(self.kind(third), {"kind": "begin"})
        self.assertEqual(self.kind(third + 48), {"kind": "inside", "begin": "0x%x" % third, "size": 0xC8})
        # The record of one before it is overwritten: nothing is known of what is behind.
        self.core.write(second - 8, words(0x4141414141414141))
        self.assertEqual(self.kind(first + 8)["kind"], "inside")
        self.assertEqual(self.kind(third + 48), {"kind": "heap"})

    def test_a_large_block_has_a_mapping_of_its_own(self):
        self.core.write(MAPPED + 4096, words(0, 0x6000 | 2))
        self.assertEqual(self.kind(MAPPED + 4096 + 16), {"kind": "begin"})
        self.assertEqual(self.kind(MAPPED + 4096 + 0x1010), {"kind": "inside", "begin": "0x%x" % (MAPPED + 4096 + 16), "size": 0x5FF0})

    def test_a_heap_of_a_thread_is_no_foreign_memory(self):
        self.core.write(MAPPED, words(MAPPED + 48, 0, 65536, 65536))
        self.assertEqual(self.kind(MAPPED + 0x2000), {"kind": "heap"})

    def test_memory_of_pythons_allocator(self):
        for size in (4096, 16384):
            pool = MAPPED + 32768
            self.core.write(pool, words(3, pool + 48 + 64 * 5, 0, 0) + b"".join(each.to_bytes(4, "little") for each in (0, 3, 48 + 64 * 6, size - 64)))
            self.assertEqual(self.kind(pool + 48 + 64 * 2), {"kind": "python", "begin": "0x%x" % (pool + 48 + 128), "size": 64})
            self.assertEqual(self.kind(pool + 48 + 64 * 2 + 16), {"kind": "python", "begin": "0x%x" % (pool + 48 + 128), "size": 64})
            # A header that is at odds with itself is none.
            self.core.write(pool + 44, (size - 60).to_bytes(4, "little"))
            self.assertEqual(self.kind(pool + 48 + 64 * 2), {"kind": "anonymous"})


class Pointers(unittest.TestCase):
    def setUp(self):
        self.core = Core()
        self.reader = Reader(self.core)

    def fault(self, registers, touched, in_free=True):
        return pointer_of_fault(self.reader, registers, [touched], in_free)

    def test_the_size_before_it_cannot_be_read(self):
        self.assertEqual(self.fault({"rdi": 0x1230, "rax": 7}, 0x1228), 0x1230)
        self.assertEqual(self.fault({"rsi": 0x1220}, 0x1228), 0x1230)
        # No register leads there, and in what it calls another chunk may be meant.
        self.assertIsNone(self.fault({"rdi": 0x9990}, 0x1228))
        self.assertIsNone(self.fault({"rdi": 0x1230}, 0x1228, False))

    def test_a_thread_s_arena_that_is_none(self):
        pointer = MAPPED + 0x100
        self.core.write(pointer - 8, words(0x64))
        base = MAPPED & ~((64 << 20) - 1)
        self.assertEqual(self.fault({"rax": base, "rbx": pointer - 16}, base), pointer)
        # Two that explain it alike prove neither.
        self.core.write(pointer + 248, words(0x64))
        self.assertIsNone(self.fault({"rbx": pointer - 16, "rcx": pointer + 240}, base))
        self.assertEqual(self.fault({"rsi": pointer - 16, "rcx": pointer + 240}, base), pointer)

    def test_the_chunk_behind_it_is_nowhere(self):
        (pointer,) = self.core.chunks(HEAP, 0x4141414141414140)
        self.assertEqual(self.fault({"rbp": pointer - 16, "r8": 3}, HEAP + 0x4141414141414140 + 8, False), pointer)
        self.assertIsNone(self.fault({"rbp": pointer - 16, "r8": 3}, HEAP + 0x4141414141414140 + 64, False))

    def test_registers_that_are_kept_while_glibc_gives_up(self):
        (pointer,) = self.core.chunks(HEAP, 0x60)
        outer = {"rbx": 1, "rbp": MAPPED, "r12": STACK}
        self.assertEqual(pointer_of_message(self.reader, {"rbx": HEAP, "rbp": MAPPED, "r12": 0x60}, outer), pointer)
        self.assertEqual(pointer_of_message(self.reader, {"rbx": HEAP, "rbp": MAPPED, "r14": HEAP + 0x60}, outer), pointer)
        # What the caller had there is not free()'s.
        self.assertIsNone(pointer_of_message(self.reader, {"rbx": HEAP, "rbp": MAPPED, "r12": 0x60}, {**outer, "rbx": HEAP}))
        self.assertIsNone(pointer_of_message(self.reader, {"rbx": HEAP, "rbp": MAPPED, "r12": 0x70}, outer))


if __name__ == "__main__":
    unittest.main()
