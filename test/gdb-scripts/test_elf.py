"""The ELF reader: what it finds in sound files, and that damaged ones cost an ``ElfError`` at most."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402, F401  (puts gdb-scripts on the path)
import elf_images  # noqa: E402
from inquest.elf import ElfError, ElfFile, open_elf  # noqa: E402

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


class Symbols(unittest.TestCase):
    def test_finds_a_symbol_whose_name_is_the_tail_of_another(self) -> None:
        image = ElfFile(elf_images.with_symbols([("my_interp_head", 0x1000, 1, 1), ("interp_head", 0x2000, 1, 1)]))
        self.assertEqual(image.symbols(["interp_head"])["interp_head"].value, 0x2000)

    def test_leaves_out_symbols_that_the_file_only_refers_to_and_thread_local_ones(self) -> None:
        image = ElfFile(elf_images.with_symbols([("_PyRuntime", 0, 0, 1), ("tls", 0x10, 1, 6)]))
        self.assertEqual(image.symbols(["_PyRuntime", "tls", "missing"]), {})

    def test_agrees_with_nm_on_the_running_interpreter(self) -> None:
        path = os.path.realpath(sys.executable)
        image = open_elf(path)
        found = image.symbols(["_PyRuntime", "Py_Version", "PyDict_Type"])
        image.close()
        told = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=False).stdout
        expected = {line.split()[2]: int(line.split()[0], 16) for line in told.splitlines() if len(line.split()) == 3}
        for name, symbol in found.items():
            self.assertEqual(symbol.value, expected.get(name, symbol.value), name)
        self.assertTrue(found or "_PyRuntime" not in expected)


class Bounded(bytes):
    """A map of whole pages: the byte behind what ``find`` searches must be there, for CPython before 3.11.5 reads it."""

    def find(self, sub, start=0, end=None):  # type: ignore[override]
        if end is None or end >= len(self):
            raise AssertionError("searched up to the end of the map")
        return super().find(sub, start, end)


class Searches(unittest.TestCase):
    def test_find_what_bytes_find_and_never_read_behind_the_map(self) -> None:
        source = random.Random(SEED)
        head = elf_images.core([elf_images.Piece(0x1000, b"", 4096)])
        for _ in range(2_000):
            raw = head + bytes(source.choices(b"ab", k=source.randint(0, 24)))
            needle = bytes(source.choices(b"ab", k=source.randint(1, 6)))
            start, end = source.randint(0, len(raw) + 2), source.randint(0, len(raw) + 2)
            self.assertEqual(ElfFile(Bounded(raw)).find(needle, start, end), raw.find(needle, start, end), (raw[len(head) :], needle, start, end))


class Headers(unittest.TestCase):
    def test_refuses_what_is_no_elf_file(self) -> None:
        for raw in (b"", b"MZ", b"\x7fELF", b"\x7fELF\x03\x01" + bytes(60), b"\x7fELF\x02\x01" + bytes(20)):
            with self.assertRaises(ElfError):
                ElfFile(raw)

    def test_takes_the_number_of_segments_from_section_0_when_it_exceeds_16_bits(self) -> None:
        count = 70_000
        segments = b"".join(struct.pack("<IIQQQQQQ", 1, 4, 0, index << 12, 0, 0, 4096, 1) for index in range(count))
        section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, count, 0, 0)
        ident = b"\x7fELF\x02\x01\x01" + bytes(9)
        head = ident + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 64 + len(segments), 0, 64, 56, 0xFFFF, 64, 1, 0)
        self.assertEqual(len(ElfFile(head + segments + section).segments), count)

    def test_keeps_the_segments_that_a_truncated_file_still_has(self) -> None:
        raw = elf_images.core([elf_images.Piece(0x1000 * index, b"", 4096) for index in range(10)])
        self.assertEqual(len(ElfFile(raw[: 64 + 56 * 5 + 30]).segments), 5)

    def test_reads_the_build_id(self) -> None:
        notes = elf_images.note(b"GNU", 3, bytes(range(20)))
        raw = elf_images.elf([elf_images.Piece(0, notes, len(notes), kind=elf_images.PT_NOTE)], kind=3)
        self.assertEqual(ElfFile(raw).build_id, bytes(range(20)).hex())


class Damage(unittest.TestCase):
    def exercise(self, raw: bytes) -> None:
        try:
            image = ElfFile(raw)
        except ElfError:
            return
        _ = image.build_id, image.sections
        image.symbols(["_PyRuntime", "main", "interp_head"])
        image.read_address(0x1000, 64)
        for segment in image.segments:
            if segment.type == elf_images.PT_NOTE:
                list(image.notes(segment))

    def test_mutated_files_raise_elf_errors_only(self) -> None:
        chance = random.Random(SEED)
        with open(os.path.realpath(sys.executable), "rb") as source:
            real = source.read(32 << 10)
        made = elf_images.with_symbols([("name%d" % index, index, 1, 1) for index in range(50)])
        cored = elf_images.core([elf_images.Piece(0x1000, b"x" * 100, 4096)], elf_images.nt_file([(0x1000, 0x2000, 0, "/x")]) + elf_images.nt_prstatus(1, [0] * 27))
        for round_ in range(600):
            raw = bytearray(chance.choice((real, made, cored)))
            for _ in range(chance.randint(1, 12)):
                where = chance.randrange(min(len(raw), chance.choice((64, 1024, len(raw)))))
                raw[where] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
            if chance.random() < 0.2:
                del raw[chance.randrange(len(raw)) :]
            with self.subTest(seed=SEED, round=round_):
                self.exercise(bytes(raw))

    def test_an_empty_file_and_a_folder_are_no_elf_files(self) -> None:
        with tempfile.NamedTemporaryFile() as empty:
            with self.assertRaises(ElfError):
                open_elf(empty.name)
        with self.assertRaises((ElfError, OSError)):
            open_elf(tempfile.gettempdir())


if __name__ == "__main__":
    unittest.main()
