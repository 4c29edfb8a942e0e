"""The core's memory: what was dumped, what files stand in for, and what stays absent."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import unittest
from typing import Dict, List, Optional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402
import elf_images  # noqa: E402
from elf_images import R, W, Piece  # noqa: E402
from inquest.core_file import CoreMemory, open_core  # noqa: E402
from inquest.elf import ElfError  # noqa: E402
from inquest.memory import MemoryFault  # noqa: E402

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


class Made(unittest.TestCase):
    """Cores made here, with the files that their modules match."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name: str, raw: bytes) -> str:
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as sink:
            sink.write(raw)
        return path

    def open(self, raw: bytes, modules: Optional[List[Dict]] = None) -> CoreMemory:
        core = open_core({"core": self.write("core", raw), "modules": modules or []})
        self.addCleanup(core.close)
        return core

    def module(self, path: str, file: Optional[str], *mappings: tuple) -> Dict:
        return {
            "path": path,
            "build_id": None,
            "file": file,
            "debug_file": None,
            "mappings": [{"start": hex(start), "end": hex(end), "offset": offset} for start, end, offset in mappings],
        }

    def absent(self, core: CoreMemory, address: int, size: int = 1) -> MemoryFault:
        with self.assertRaises(MemoryFault) as caught:
            core.read(address, size)
        return caught.exception


class Dumped(Made):
    def test_reads_across_adjacent_segments(self) -> None:
        core = self.open(elf_images.core([Piece(0x1000, b"a" * 4096, 4096), Piece(0x2000, b"b" * 4096, 4096)]))
        self.assertEqual(core.read(0x1FFE, 4), b"aabb")
        self.assertEqual(core.read(0x1000, 8192), b"a" * 4096 + b"b" * 4096)

    def test_what_the_file_does_not_hold_of_a_segment_is_absent_and_not_zero(self) -> None:
        core = self.open(elf_images.core([Piece(0x1000, b"a" * 16, 4096, W)]))
        self.assertEqual(core.read(0x1000, 16), b"a" * 16)
        fault = self.absent(core, 0x1008, 16)
        self.assertEqual(fault.address, 0x1010)
        self.absent(core, 0x1FFF)
        self.assertIn("unmapped", self.absent(core, 0x2000).why)
        self.absent(core, 0)

    def test_a_truncated_core_keeps_what_is_there(self) -> None:
        raw = elf_images.core([Piece(0x1000, b"a" * 4096, 4096, W), Piece(0x2000, b"b" * 4096, 4096, W)])
        core = self.open(raw[:-4000])
        self.assertTrue(core.truncated)
        self.assertEqual(core.read(0x1FF0, 16 + 96), b"a" * 16 + b"b" * 96)
        self.absent(core, 0x2000 + 97)

    def test_overlapping_segments_are_clipped(self) -> None:
        core = self.open(elf_images.core([Piece(0x1000, b"a" * 8192, 8192), Piece(0x2000, b"b" * 16, 16)]))
        self.assertEqual(core.read(0x1FFF, 2), b"ab")

    def test_memory_equals_a_model_of_random_segments(self) -> None:
        chance = random.Random(SEED)
        for round_ in range(40):
            model: Dict[int, int] = {}
            pieces, at = [], 0x1000
            for _ in range(chance.randint(1, 8)):
                at += chance.choice((0, 0, 16, 4096))
                memsz = chance.randint(1, 200)
                data = bytes(chance.randrange(256) for _ in range(chance.choice((0, memsz, chance.randint(0, memsz)))))
                pieces.append(Piece(at, data, memsz, W))
                model.update((at + index, byte) for index, byte in enumerate(data))
                at += memsz
            core = self.open(elf_images.core(pieces))
            for _ in range(200):
                start, size = chance.randint(0xFF0, at + 16), chance.randint(1, 64)
                expected = [model.get(start + index) for index in range(size)]
                with self.subTest(seed=SEED, round=round_, start=start, size=size):
                    if None in expected:
                        self.absent(core, start, size)
                    else:
                        self.assertEqual(list(core.read(start, size)), expected)


class FromFiles(Made):
    def test_absent_read_only_pages_come_from_the_matching_file(self) -> None:
        file = self.write("data.bin", bytes(range(256)) * 64)
        core = self.open(elf_images.core([Piece(0x10000, b"", 8192, R)]), [self.module("/data.bin", file, (0x10000, 0x12000, 4096))])
        self.assertEqual(core.read(0x10000, 4), bytes(range(4)))
        self.assertEqual(core.read(0x11FFE, 2), bytes((254, 255)))
        self.absent(core, 0x11FFE, 4)

    def test_dumped_pages_win_over_the_file(self) -> None:
        file = self.write("data.bin", b"f" * 8192)
        core = self.open(elf_images.core([Piece(0x10000, b"core", 8192, R)]), [self.module("/data.bin", file, (0x10000, 0x12000, 0))])
        self.assertEqual(core.read(0x10000, 6), b"coreff")

    def test_writable_pages_never_come_from_the_file(self) -> None:
        file = self.write("data.bin", b"f" * 8192)
        core = self.open(elf_images.core([Piece(0x10000, b"", 8192, R | W)]), [self.module("/data.bin", file, (0x10000, 0x12000, 0))])
        self.absent(core, 0x10000)

    def test_relocated_read_only_pages_never_come_from_the_file(self) -> None:
        """After relocation the dynamic linker makes RELRO pages read-only: their contents are not the file's."""
        library = elf_images.elf([Piece(0, b"t" * 100, 0x1000, R, offset=0), Piece(0x2000, b"d" * 0x800, 0x1000, R | W, offset=0x1000)], kind=3)
        file = self.write("lib.so", library + bytes(0x2000))
        modules = [self.module("/lib.so", file, (0x10000, 0x11000, 0), (0x12000, 0x13000, 0x1000))]
        core = self.open(elf_images.core([Piece(0x10000, b"", 0x1000, R), Piece(0x12000, b"", 0x1000, R)]), modules)
        self.assertEqual(core.read(0x10000, 4), b"\x7fELF")
        self.absent(core, 0x12000)

    def test_a_missing_file_is_named(self) -> None:
        core = self.open(elf_images.core([Piece(0x10000, b"", 8192, R)]), [self.module("/gone.so", None, (0x10000, 0x12000, 0))])
        self.assertIn("/gone.so", self.absent(core, 0x10000).why)

    def test_a_file_shorter_than_its_mapping_ends_where_it_ends(self) -> None:
        file = self.write("short.bin", b"s" * 100)
        core = self.open(elf_images.core([Piece(0x10000, b"", 8192, R)]), [self.module("/short.bin", file, (0x10000, 0x12000, 0))])
        self.assertEqual(core.read(0x10000, 100), b"s" * 100)
        self.absent(core, 0x10000, 101)

    def test_a_file_mapped_twice_gives_two_images(self) -> None:
        library = elf_images.elf([Piece(0x1000, b"", 0x2000, R, offset=0)], kind=3)
        file = self.write("lib.so", library)
        mappings = ((0x10000, 0x11000, 0), (0x11000, 0x12000, 0x1000), (0x50000, 0x51000, 0), (0x51000, 0x52000, 0x1000))
        core = self.open(elf_images.core([]), [self.module("/lib.so", file, *mappings)])
        self.assertEqual([image.bias for image in core.modules[0].images()], [0xF000, 0x4F000])


class Notes(Made):
    def test_reads_threads_registers_and_mapped_files(self) -> None:
        notes = elf_images.nt_prstatus(77, list(range(100, 127))) + elf_images.nt_prstatus(78, [0] * 27)
        notes += elf_images.nt_file([(0x1000, 0x2000, 0, "/usr/bin/python3"), (0x3000, 0x4000, 8192, "/lib/ü.so")])
        core = self.open(elf_images.core([], notes))
        self.assertEqual(core.lwps, [77, 78])
        self.assertEqual(core.registers(77)["rip"], 116)
        self.assertEqual((core.pc(77), core.sp(77), core.thread_pointer(77)), (116, 119, 121))
        self.assertEqual([(m.start, m.offset, m.path) for m in core.mappings], [(0x1000, 0, "/usr/bin/python3"), (0x3000, 8192, "/lib/ü.so")])
        self.assertEqual(core.registers(99), {})

    def test_an_executable_is_no_core(self) -> None:
        path = self.write("core", elf_images.elf([], kind=2))
        with self.assertRaises(ElfError):
            open_core({"core": path, "modules": []})


class Damage(Made):
    def test_a_mutated_core_raises_its_own_errors_only(self) -> None:
        chance = random.Random(SEED)
        file = self.write("data.bin", b"f" * 8192)
        notes = elf_images.nt_prstatus(77, list(range(27))) + elf_images.nt_file([(0x10000, 0x12000, 0, "/data.bin")])
        good = elf_images.core([Piece(0x1000, b"a" * 300, 4096, W), Piece(0x10000, b"", 8192, R)], notes)
        for round_ in range(400):
            raw = bytearray(good)
            for _ in range(chance.randint(1, 10)):
                raw[chance.randrange(len(raw))] = chance.choice((0, 0xFF, chance.randrange(256)))
            if chance.random() < 0.3:
                del raw[chance.randrange(len(raw)) :]
            with self.subTest(seed=SEED, round=round_):
                path = self.write("core", bytes(raw) or b"x")
                try:
                    core = open_core({"core": path, "modules": [self.module("/data.bin", file, (0x10000, 0x12000, 0))]})
                except ElfError:
                    continue
                for address in (0, 0x1000, 0x10F0, 0x10000, 0x11FFF, 1 << 63, (1 << 64) - 8):
                    try:
                        self.assertEqual(len(core.read(address, 64)), 64)
                    except MemoryFault:
                        pass
                core.close()


class Real(unittest.TestCase):
    def test_the_code_of_a_real_process_is_readable_though_its_core_left_it_out(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            manifest = dead_processes.manifest_of(dead_processes.make_core(folder, sys.executable))
            with open_core(manifest) as core:
                pc = core.pc(core.lwps[0])
                assert pc is not None
                segment = core.segment_at(pc)
                assert segment is not None
                self.assertGreaterEqual(pc, segment.start + segment.dumped, "the core dumped its code: the test shows nothing")
                self.assertEqual(len(core.read(pc - 16, 32)), 32)


if __name__ == "__main__":
    unittest.main()
