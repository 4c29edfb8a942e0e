"""Signal frames are found as the kernel writes them, and nowhere else."""

from __future__ import annotations

import random
import struct
import unittest
from typing import Dict

from fake_memory import FakeMemory

from inquest.diagnose.signal_frame import interrupted_registers, signal_frames
from inquest.memory import Reader

STACK = 0x7FFD00000000
RESTORER = b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"


class FakeCore(FakeMemory):
    def __init__(self, machine: str, sp: int) -> None:
        super().__init__()
        self.machine = machine
        self._sp = sp
        self.write(STACK, bytes(64 << 10))
        self.write(0x400000, RESTORER)

    def sp(self, _lwp: int) -> int:
        return self._sp


def x86_frame(core: FakeCore, at: int, *, trap: int = 14, error: int = 6, address: int = 0x10, rsp: int = STACK + 0x8000, info: bytes = b"", link: int = 0) -> None:
    """``struct rt_sigframe`` with its ``uc`` at ``at``, from the kernel's own struct definitions."""
    core.write(at - 8, struct.pack("<Q", 0x400000))
    core.write(at, struct.pack("<QQQiIQ", 7, link, 0, 0, 0, 0))
    general = [*range(100, 115), rsp, 0x401234, 0x10246]
    core.write(at + 40, struct.pack("<18QHHHHQQQQQ", *general, 0x33, 0, 0, 0x2B, error, trap, 0, address, 0))
    core.write(at + 304, info.ljust(128, b"\0"))


def arm_frame(core: FakeCore, at: int, *, syndrome: int, address: int) -> None:
    core.write(at + 128, bytes(176))
    core.write(at + 304, struct.pack("<34Q", address, *range(200, 231), STACK + 0x8000, 0x401234) + struct.pack("<Q", 0x1000))
    core.write(at + 592, struct.pack("<II", 0x46508001, 0x210))
    core.write(at + 592 + 0x210, struct.pack("<IIQ", 0x45535201, 16, syndrome))


def i386_frame(core: FakeCore, at: int, *, rt: bool = False, number: int = 11, trap: int = 14, code_segment: int = 0x23, restorer: int = 0x500000) -> None:
    """``struct sigframe_ia32``, or with ``rt`` ``struct rt_sigframe_ia32``, whose first word is at ``at``."""
    core.write(at, struct.pack("<Ii", restorer + (16 if rt else 0), number))
    general = [*range(100, 108), trap, 6, 0x8049000]
    context = struct.pack("<8H11I2H2I2H3I", *[0] * 8, *general, code_segment, 0, 0x10246, 103, 0x2B, 0, 0, 0, 0x10)
    core.write(at + (164 if rt else 8), context)


class OnI386(unittest.TestCase):
    SP = 0xFFB00000

    def core(self) -> FakeCore:
        core = FakeCore("i386", self.SP)
        core.write(self.SP, bytes(16 << 10))
        core.write(0x500000, b"\x58\xb8\x77\0\0\0\xcd\x80".ljust(16, b"\x90") + b"\xb8\xad\0\0\0\xcd\x80\x90")
        return core

    def test_both_kinds_of_frames_tell_registers_and_the_fault(self) -> None:
        for rt in (False, True):
            core = self.core()
            i386_frame(core, self.SP + 0x40C, rt=rt)
            (frame,) = signal_frames(core, 1)
            self.assertEqual(frame["frame"], hex(self.SP + 0x410))
            self.assertEqual([frame["registers"][name] for name in ("edi", "eax", "eip", "eflags")], ["0x64", "0x6b", "0x8049000", "0x10246"])
            self.assertEqual(frame["fault"], {"kind": "page", "address": "0x10", "write": True, "fetch": False, "present": False})

    def test_look_alikes_are_no_frames(self) -> None:
        core = self.core()
        i386_frame(core, self.SP + 0x404)
        i386_frame(core, self.SP + 0x80C, number=0)
        i386_frame(core, self.SP + 0xC0C, trap=99)
        i386_frame(core, self.SP + 0x100C, code_segment=0)
        i386_frame(core, self.SP + 0x140C, restorer=0x500001)
        self.assertEqual(signal_frames(core, 1), [])


class OnX86(unittest.TestCase):
    def test_registers_and_the_fault_are_told_without_siginfo(self) -> None:
        core = FakeCore("x86_64", STACK)
        x86_frame(core, STACK + 0x400)
        (frame,) = signal_frames(core, 1)
        self.assertEqual(frame["frame"], hex(STACK + 0x400))
        self.assertEqual((frame["registers"]["r8"], frame["registers"]["rip"], frame["registers"]["rsp"]), ("0x64", "0x401234", hex(STACK + 0x8000)))
        self.assertEqual(frame["fault"], {"kind": "page", "address": "0x10", "write": True, "fetch": False, "present": False})
        self.assertIsNone(frame["siginfo"])

    def test_one_frame_gives_its_registers_back_and_its_neighbourhood_none(self) -> None:
        core = FakeCore("x86_64", STACK)
        x86_frame(core, STACK + 0x400)
        reader = Reader(core)
        found = interrupted_registers(reader, STACK + 0x400)
        self.assertEqual((found["r8"], found["rip"], found["rsp"]), (100, 0x401234, STACK + 0x8000))
        self.assertEqual([interrupted_registers(reader, STACK + 0x400 + shift) for shift in (-16, -8, 8, 16, 1 << 20)], [None] * 5)

    def test_siginfo_is_told_where_the_kernel_wrote_one(self) -> None:
        core = FakeCore("x86_64", STACK)
        info = struct.pack("<iiiiQ", 11, 0, 1, 0, 0x10)
        x86_frame(core, STACK + 0x400, info=info)
        self.assertEqual(signal_frames(core, 1)[0]["siginfo"], info.ljust(32, b"\0").hex())

    def test_stale_bytes_are_no_siginfo(self) -> None:
        core = FakeCore("x86_64", STACK)
        x86_frame(core, STACK + 0x400, info=struct.pack("<iiiiQ", 11, 0, 1, 0, 0x10).ljust(100, b"\1"))
        self.assertIsNone(signal_frames(core, 1)[0]["siginfo"])

    def test_handlers_within_handlers_are_told_innermost_first(self) -> None:
        core = FakeCore("x86_64", STACK)
        x86_frame(core, STACK + 0x400, trap=0, rsp=STACK + 0x1000)
        x86_frame(core, STACK + 0x1400)
        self.assertEqual([frame["fault"]["kind"] for frame in signal_frames(core, 1)], ["divide", "page"])

    def test_frames_below_the_stack_pointer_are_over(self) -> None:
        core = FakeCore("x86_64", STACK + 0x800)
        x86_frame(core, STACK + 0x400)
        self.assertEqual(signal_frames(core, 1), [])

    def test_look_alikes_are_no_frames(self) -> None:
        core = FakeCore("x86_64", STACK)
        x86_frame(core, STACK + 0x400, link=1)
        x86_frame(core, STACK + 0x800, trap=99)
        x86_frame(core, STACK + 0xC00)
        core.write(STACK + 0xC00 - 8, struct.pack("<Q", 0x400001))
        self.assertEqual(signal_frames(core, 1), [])

    def test_noise_has_no_frames(self) -> None:
        seed = random.randrange(1 << 32)
        noise = random.Random(seed)
        core = FakeCore("x86_64", STACK)
        core.write(STACK, bytes(noise.choice((0, 0, 0x33, 7, 14, noise.randrange(256))) for _ in range(64 << 10)))
        self.assertEqual(signal_frames(core, 1), [], "seed %d" % seed)


class OnArm(unittest.TestCase):
    def fault(self, syndrome: int) -> Dict:
        core = FakeCore("aarch64", STACK)
        arm_frame(core, STACK + 0x400, syndrome=syndrome, address=0x18)
        (frame,) = signal_frames(core, 1)
        self.assertEqual((frame["frame"], frame["registers"]["x0"], frame["registers"]["pc"]), (hex(STACK + 0x400), "0xc8", "0x401234"))
        return frame["fault"]

    def test_a_data_abort_is_told_with_its_direction(self) -> None:
        self.assertEqual(self.fault(0x24 << 26 | 0x46), {"kind": "page", "address": "0x18", "write": True, "fetch": False, "present": False})
        self.assertEqual(self.fault(0x24 << 26 | 0x0F), {"kind": "page", "address": "0x18", "write": False, "fetch": False, "present": True})

    def test_an_instruction_abort_is_a_fetch(self) -> None:
        self.assertEqual(self.fault(0x20 << 26 | 0x06)["fetch"], True)


class Elsewhere(unittest.TestCase):
    def test_other_machines_and_threads_have_none(self) -> None:
        core = FakeCore("riscv64", STACK)
        self.assertEqual(signal_frames(core, 1), [])
        self.assertEqual(signal_frames(FakeCore("x86_64", STACK), None), [])


if __name__ == "__main__":
    unittest.main()
