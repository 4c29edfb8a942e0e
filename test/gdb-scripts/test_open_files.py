"""What was open, beside what was closed, freed or only mentions the types; and the census beside the collector's own count."""

from __future__ import annotations

import random
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "gdb-scripts"))

from inquest.memory import MemoryFault  # noqa: E402
from inquest.heap.open_files import _mode, _socket  # noqa: E402
from inquest.heap.open_handles import child, database, mapped, old_file  # noqa: E402
from inquest.frames.image import Image as ValuesImage  # noqa: E402
from inquest.memory import Reader  # noqa: E402
from inquest.objects.values import Values  # noqa: E402
from fake_memory import FakeMemory, all_layouts  # noqa: E402
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


HANDLES = """
import json, mmap, os, sqlite3, subprocess, sys
mentions = [(subprocess.Popen, mmap.mmap, sqlite3.Connection)] * 20
child = "import os, sys, time\\nwhile os.getppid() == int(sys.argv[1]): time.sleep(.1)"
running = subprocess.Popen([sys.executable, "-c", child, str(os.getpid())], stdout=subprocess.PIPE)
ended = subprocess.Popen([sys.executable, "-c", ""]); ended.wait()
with open("mapped.bin", "wb") as out: out.write(b"x" * 20000)
source = open("mapped.bin", "r+b")
view, anonymous, gone = mmap.mmap(source.fileno(), 8000, offset=4096), mmap.mmap(-1, 5000), mmap.mmap(-1, 4096)
gone.close()
shop, memory, left = sqlite3.connect("shop.db"), sqlite3.connect(":memory:"), sqlite3.connect("left.db")
for each in (shop, memory): each.execute("create table stock (name text)")
left.close()
written = open("written.txt", "w"); written.write(u"never flushed")
told = {"pid": running.pid, "folder": os.getcwd(), "fds": [source.fileno(), written.fileno()]}
with open("told.json", "w") as out: json.dump(told, out)
os.kill(os.getpid(), 11)
"""


class OpenFiles(unittest.TestCase):
    def test_children_mappings_and_databases_are_told_and_what_was_closed_is_not(self):
        for python in pythons():
            with self.subTest(python.path), tempfile.TemporaryDirectory() as folder:
                death = python.die(HANDLES, folder)
                answer = death.answer()
                told, found = death.told(), answer["facts"]["open_files"]
                self.assertEqual((found["whole"], answer["warnings"]), (True, []))
                command = [each["command"] for each in found["children"]]
                self.assertEqual([each["pid"] for each in found["children"]], [told["pid"]])
                self.assertTrue(command == [None] if python.version[0] == 2 else " -c import os, sys, time while os.getppid()" in command[0])
                maps = {each["size"]: (each["name"], each["offset"]) for each in found["maps"]}
                self.assertEqual(maps[8000], (told["folder"] + "/mapped.bin", 4096))
                self.assertEqual(set(maps), {8000, 5000})
                self.assertEqual(sorted((each["name"] or "", each["fd"] is None) for each in found["databases"]), [("", True), (told["folder"] + "/shop.db", False)])
                files = {each["fd"]: (each["name"].rpartition("/")[2], each["mode"], each["unflushed"]) for each in found["files"]}
                mode = ("r+b", "w") if python.version[0] == 2 else ("rb+", "wb")
                self.assertEqual(files[told["fds"][0]][:2], ("mapped.bin", mode[0]))
                self.assertEqual(files[told["fds"][1]][:2], ("written.txt", mode[1]))
                if python.version[0] == 2:
                    self.assertEqual(files[told["fds"][1]][2], 13)

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


class AnyMemory(unittest.TestCase):
    def test_of_any_bytes_a_handle_is_told_or_none(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for name, layouts in all_layouts():
            with self.subTest(layouts=name):
                memory = FakeMemory(layouts.pointer_size)
                reader = Reader(memory)
                whole = ValuesImage(reader, layouts, Values(reader, layouts))
                places = [memory.allocate(512) for _ in range(12)]
                core = SimpleNamespace(segment_at=lambda _: None, mappings=[])
                for _ in range(60):
                    for place in places:
                        words = [chance.choice((0, 1, *places, chance.randrange(1 << 8 * layouts.pointer_size))) for _ in range(32)]
                        memory.write(place, b"".join(word.to_bytes(layouts.pointer_size, "little") for word in words))
                    for read in (child, database, old_file, lambda image, address: mapped(image, core, address)):
                        told = read(whole, places[0])
                        self.assertTrue(told is None or told["address"] == hex(places[0]), "seed %d" % seed)


class Plausible(unittest.TestCase):
    def test_what_only_lies_behind_the_types_address_is_no_socket(self):
        self.assertIsNotNone(_socket(Image([4, 2, 1 | 0o4000, 6]), 0))
        for words in ([-1, 2, 1, 0], [1 << 20, 2, 1, 0], [4, 77, 1, 0], [4, 2, 9, 0], [4, 2, 1, -5], [4, 2]):
            self.assertIsNone(_socket(Image(words), 0), words)

    def test_modes_are_those_of_the_raw_file(self):
        self.assertEqual([_mode(Image([]), bits) for bits in (0b0010, 0b0100, 0b0110, 0b1100, 0b1110, 0b0101, 0b0111)], ["rb", "wb", "rb+", "ab", "ab+", "xb", "xb+"])


if __name__ == "__main__":
    unittest.main()
