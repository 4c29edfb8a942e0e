"""What was open, beside what was closed, freed or only mentions the types; and the census beside the collector's own count."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from inquest.memory import MemoryFault  # noqa: E402
from inquest.heap.open_files import _mode, _socket  # noqa: E402
from interpreters import pythons  # noqa: E402

PROGRAM = """
import gc, io, json, os, socket
mentions = [(io.FileIO, socket.socket, io.BufferedWriter)] * 50 + [[io.FileIO], {"type": io.FileIO}, type("Other", (), {"kind": io.FileIO})]
for _ in range(200):
    socket.socket().close()
    open("program.py").close()
written = open("written.txt", "w")
written.write("x" * 10); written.flush(); written.buffer.write(b"y" * 7)
raw = open("raw.bin", "ab", buffering=0)
both = open("both.bin", "w+b"); both.write(b"abc")
by_number = open(os.open("program.py", os.O_RDONLY), "rb")
closed = open("program.py"); closed.close()
streams = [socket.socket(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)]
streams[0].setblocking(False)
gone = socket.socket(); gone.close()
class Row(object):
    def __init__(self): self.itself = self
rows = [Row() for _ in range(1234)]
gc.collect()
count = sum(type(each) is Row for each in gc.get_objects())
told = {"files": [[f.fileno(), f.name] for f in (written, raw, both, by_number)], "sockets": [s.fileno() for s in streams], "rows": count}
with open("told.json", "w") as file:
    json.dump(told, file)
os.kill(os.getpid(), 11)
"""


class OpenFiles(unittest.TestCase):
    def test_every_interpreter_tells_what_was_open_and_only_that(self):
        for python in pythons():
            if python.version < (3, 6):
                continue
            with self.subTest(python.path), tempfile.TemporaryDirectory() as folder:
                death = python.die(PROGRAM, folder)
                answer = death.answer(options={"census": True})
                told, found = death.told(), answer["facts"]["open_files"]
                files = {each["fd"]: each for each in found["files"] if each["fd"] > 2}
                self.assertEqual({fd: each["name"] for fd, each in files.items()}, {fd: str(name) for fd, name in told["files"]})
                self.assertEqual([each["mode"] for _, each in sorted(files.items())], ["wb", "ab", "rb+", "rb"])
                self.assertEqual([each["unflushed"] for _, each in sorted(files.items())], [7, None, 3, None])
                self.assertEqual([each["fd"] for each in found["sockets"]], told["sockets"])
                self.assertEqual([(each["family"], each["type"]) for each in found["sockets"]], [("AF_INET", "SOCK_STREAM"), ("AF_UNIX", "SOCK_DGRAM")])
                self.assertEqual((found["whole"], answer["warnings"]), (True, []))
                census = answer["facts"].get("census")
                if not python.free_threaded:
                    rows = [each["count"] for each in census["by_type"] if each["type"].endswith("Row")]
                    self.assertEqual((rows, census["whole"]), ([told["rows"]], True))

    def test_where_it_was_opened_is_told_when_tracemalloc_was_tracing(self):
        python = next(each for each in pythons() if each.version >= (3, 6))
        program = "import os, socket, tracemalloc\ntracemalloc.start()\nfile = open('program.py')\nstream = socket.socket()\nos.kill(os.getpid(), 11)\n"
        with tempfile.TemporaryDirectory() as folder:
            found = python.die(program, folder).answer()["facts"]["open_files"]
            places = [(each["allocated_at"] or "").rpartition("/")[2] for each in found["files"][3:] + found["sockets"]]
            self.assertEqual(places, ["program.py:3", "program.py:4"])
            self.assertEqual([each["allocated_at"] for each in found["files"][:3]], [None] * 3)

    def test_a_census_is_made_only_on_request(self):
        with tempfile.TemporaryDirectory() as folder:
            answer = next(each for each in pythons() if each.version >= (3, 6)).die("import os; os.kill(os.getpid(), 11)", folder).answer()
            self.assertNotIn("census", answer["facts"])


class Memory:
    def __init__(self, words):
        self.words = words

    def sint(self, address, size):
        if address not in self.words:
            raise MemoryFault(address, size)
        return self.words[address]


class Image:
    version = (3, 11)

    class layouts:
        @staticmethod
        def size(_):
            return 16

    def __init__(self, words):
        self.reader = Memory(dict(zip(range(16, 32, 4), words)))


class Plausible(unittest.TestCase):
    def test_what_only_lies_behind_the_types_address_is_no_socket(self):
        self.assertIsNotNone(_socket(Image([4, 2, 1 | 0o4000, 6]), 0))
        for words in ([-1, 2, 1, 0], [1 << 20, 2, 1, 0], [4, 77, 1, 0], [4, 2, 9, 0], [4, 2, 1, -5], [4, 2]):
            self.assertIsNone(_socket(Image(words), 0), words)

    def test_modes_are_those_of_the_raw_file(self):
        self.assertEqual([_mode(Image([]), bits) for bits in (0b0010, 0b0100, 0b0110, 0b1100, 0b1110, 0b0101, 0b0111)], ["rb", "wb", "rb+", "ab", "ab+", "xb", "xb+"])


if __name__ == "__main__":
    unittest.main()
