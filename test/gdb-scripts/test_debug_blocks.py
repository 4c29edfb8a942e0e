"""Damaged blocks of the debug allocator are told, whole ones and what is no block are not; glibc's message is found without symbols."""

from __future__ import annotations

import random
import struct
import unittest
from types import SimpleNamespace
from typing import Any, Dict, List, Optional

from fake_memory import FakeMemory

from inquest.core_file import Segment
from inquest.diagnose.abort_message import abort_message
from inquest.diagnose.debug_blocks import Guards, check_block, damaged_blocks, hooks_on
from inquest.frames.image import Image
from inquest.heap.debug_heap import check_heap
from inquest.layout import tables
from inquest.memory import Reader
from inquest.objects.values import Values


def block(memory: FakeMemory, size: int, *, api: bytes = b"o", fill: int = 0xFD, serial: int = 7) -> int:
    """As ``_PyMem_DebugRawAlloc`` lays it out."""
    address = memory.allocate(size + 64) + 16
    memory.write(address - 16, struct.pack(">Q", size) + api + bytes([fill]) * 7)
    memory.write(address, b"\xcd" * size + bytes([fill]) * 8 + struct.pack(">Q", serial))
    return address


class Blocks(unittest.TestCase):
    def setUp(self) -> None:
        self.memory = FakeMemory()
        self.reader = Reader(self.memory)
        self.guards = Guards((3, 12, 1), 8)

    def check(self, address: int) -> Optional[Dict[str, Any]]:
        return check_block(self.reader, self.guards, address)

    def test_a_whole_block_is_not_told(self) -> None:
        for size in (1, 24, 511, 5000):
            self.assertIsNone(self.check(block(self.memory, size)))

    def test_one_byte_past_the_end_is_told_with_the_bytes_as_they_stand(self) -> None:
        address = block(self.memory, 24, api=b"m")
        self.memory.write(address + 24, b"A")
        told = self.check(address)
        assert told is not None
        self.assertEqual((told["damage"], told["size"], told["api"], told["domain"]), ("trailing", 24, "m", "PyMem"))
        self.assertEqual((told["trailing"], told["leading"]), ("41" + "fd" * 7, "fd" * 7))

    def test_a_byte_before_the_begin_is_told(self) -> None:
        address = block(self.memory, 24)
        self.memory.write(address - 1, b"\0")
        told = self.check(address)
        assert told is not None
        self.assertEqual((told["damage"], told["leading"]), ("leading", "fd" * 6 + "00"))

    def test_an_unknown_allocator_is_told_only_between_whole_guards(self) -> None:
        address = block(self.memory, 24, api=b"x")
        told = self.check(address)
        assert told is not None
        self.assertEqual((told["damage"], told["api"]), ("api", None))
        self.memory.write(address + 24, b"A")
        self.assertIsNone(self.check(address))

    def test_versions_have_their_own_bytes_and_serial_numbers(self) -> None:
        self.guards = Guards((3, 7, 16), 8)
        address = block(self.memory, 24, fill=0xFB, serial=4711)
        self.assertIsNone(self.check(address))
        self.memory.write(address + 24, b"A")
        told = self.check(address)
        assert told is not None
        self.assertEqual((told["serial"], told["forbidden"]), (4711, "fb"))
        later = check_block(self.reader, Guards((3, 12), 8), address)
        assert later is not None
        self.assertIsNone(later["serial"])

    def test_noise_is_no_block(self) -> None:
        seed = random.randrange(1 << 32)
        noise = random.Random(seed)
        address = self.memory.allocate(8192)
        self.memory.write(address, bytes(noise.choice((0, 0xFD, 0xFD, ord("o"), noise.randrange(256))) for _ in range(8192)))
        told = [self.check(at) for at in range(address + 16, address + 8000, 8)]
        self.assertLess(len([each for each in told if each is not None]), 8, "seed %d" % seed)

    def test_blocks_are_reached_from_registers_and_stack_unless_the_hooks_are_off(self) -> None:
        damaged = block(self.memory, 24)
        self.memory.write(damaged + 24, b"A")
        stack = self.memory.allocate(1024)
        self.memory.write(stack + 40, struct.pack("<Q", damaged))
        core: Any = SimpleNamespace(pointer_size=8, byte_order="little", segments=[], lwps=[1], registers=lambda _: {"rax": 5, "rsp": stack}, sp=lambda _: stack)
        core.thread_pointer = core.segment_at = lambda _: None
        layouts = tables.load((3, 12))
        image = Image(self.reader, layouts, Values(self.reader, layouts))

        def told(malloc: Optional[str]) -> Any:
            runtime = SimpleNamespace(address=None, interpreters=[])
            return damaged_blocks(
                SimpleNamespace(
                    core=core, image=image, crashed_lwp=1, malloc=malloc, signal_frames=[], states=[], chains={}, runtime=runtime, symbol=lambda name: None, traces=None
                )
            )

        self.assertEqual([each["address"] for each in told("pymalloc_debug")["damaged"]], [hex(damaged)])
        self.assertIsNone(told("pymalloc"))
        self.assertEqual(len(told(None)["damaged"]), 1)
        self.memory.write(damaged + 24, b"A" * 8)
        self.assertEqual(told(None)["damaged"], [])
        self.assertEqual(len(told("pymalloc_debug")["damaged"]), 1)
        # What the hooks' registers left on a stack looks like a block and is none.
        core.segments = [Segment(damaged & ~0xFFF, stack + 1024, 0, 8192, True)]
        core.segment_at = lambda _: core.segments[0]
        self.assertEqual(told("pymalloc_debug")["damaged"], [])

    def test_what_a_failed_check_takes_for_a_block_is_known_by_the_end_that_it_leads_to(self) -> None:
        pointer = self.memory.allocate(64)
        size = 0x3031323334353637
        self.memory.write(pointer - 16, size.to_bytes(8, "big"))
        layouts = tables.load((3, 12))
        image = Image(self.reader, layouts, Values(self.reader, layouts))

        def told(**registers: int) -> Any:
            core: Any = SimpleNamespace(pointer_size=8, byte_order="little", segments=[], lwps=[1], registers=lambda _: registers, sp=lambda _: None)
            core.thread_pointer = core.segment_at = lambda _: None
            runtime = SimpleNamespace(address=None, interpreters=[])
            context = SimpleNamespace(core=core, image=image, crashed_lwp=1, malloc=None, signal_frames=[], states=[], chains={})
            context.runtime, context.symbol, context.traces = runtime, (lambda name: None), None
            return damaged_blocks(context)["described"]

        self.assertEqual(told(rbx=pointer, r12=pointer + size), {"address": hex(pointer), "tail": hex(pointer + size)})
        self.assertIsNone(told(rbx=pointer, r12=pointer + size + 8))
        # A size that may be one is looked at as a block's.
        self.memory.write(pointer - 16, (32).to_bytes(8, "big"))
        self.assertIsNone(told(rbx=pointer, r12=pointer + 32))

    def test_the_whole_heap_is_searched_but_for_stacks(self) -> None:
        address = block(self.memory, 24)
        self.memory.write(address + 24, b"A")
        start = address & ~0xFFF
        image = Image(self.reader, tables.load((3, 12)), Values(self.reader, tables.load((3, 12))))
        core = SimpleNamespace(elf=SimpleNamespace(data=self.memory.read(start, 4096)), segments=[Segment(start, start + 4096, 0, 4096, True)])
        for stacks, damaged in (([], 1), ([(address + 32, start + 4096)], 1), ([(start, start + 4096)], 0)):
            told = check_heap(SimpleNamespace(core=core, image=image), stacks)
            self.assertEqual((told["blocks"], len(told["damaged"]), told["whole"]), (damaged, damaged, True))

    def test_the_hooks_are_known_below_tracemalloc(self) -> None:
        layouts = tables.load((3, 6))
        table, hooks, traced, other = (self.memory.allocate(512) for _ in range(4))
        of_objects = hooks + 2 * layouts.size("debug_alloc_api_t")
        context: Any = SimpleNamespace(
            image=Image(self.reader, layouts, Values(self.reader, layouts)),
            malloc=None,
            runtime=SimpleNamespace(address=None),
            symbol={"_PyObject": table, "_PyMem_Debug": hooks}.get,
        )
        self.memory.write(traced, struct.pack("<Q", of_objects))
        self.memory.write(other, struct.pack("<Q", other))
        for at, on in ((of_objects, True), (traced, True), (other, False), (0, False), (0x7F0000000008, False)):
            self.memory.write(table, struct.pack("<Q", at))
            self.assertIs(hooks_on(context), on, hex(at))


class Messages(unittest.TestCase):
    def message(self, content: bytes) -> Any:
        memory: Any = FakeMemory()
        memory.write(0x7F1000000000, content)
        memory.modules = []
        memory.mappings = []
        segments: List[Any] = [SimpleNamespace(start=0x7F1000000000, end=0x7F1000001000, writable=True)]
        memory.segments = segments
        return abort_message(memory)

    def test_the_page_is_found_without_a_symbol(self) -> None:
        told = self.message(struct.pack("<I", 4096) + b"free(): double free detected in tcache 2\n\0")
        self.assertEqual((told["text"], told["found"]), ("free(): double free detected in tcache 2", "page"))

    def test_other_pages_are_not_messages(self) -> None:
        self.assertIsNone(self.message(struct.pack("<I", 4096) + b"hello\0"))
        self.assertIsNone(self.message(struct.pack("<I", 77) + b"free(): invalid pointer\0"))
        self.assertIsNone(self.message(struct.pack("<I", 4096) + b"\xff\xfe malloc\0"))


if __name__ == "__main__":
    unittest.main()
