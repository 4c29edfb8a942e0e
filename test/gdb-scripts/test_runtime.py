"""Finding the interpreter in real cores: with its binary, stripped, renamed, and with the core alone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from typing import Dict, List, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dead_processes  # noqa: E402
from inquest.core_file import open_core  # noqa: E402
from inquest.elf import ElfError  # noqa: E402
from inquest.layout import tables  # noqa: E402
from inquest.layout.model import Layouts  # noqa: E402
from inquest.memory import Budget, Reader  # noqa: E402
from inquest.runtime import NoPython, Runtime, find_runtime  # noqa: E402

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


def find(manifest: Dict, budget: int = 20_000_000) -> Runtime:
    with open_core(manifest) as core:
        return find_runtime(Reader(core, Budget(reads=budget)), core, manifest)


def renamed(manifest: Dict) -> Dict:
    """The same files under paths that tell nothing."""
    modules = [{**module, "path": "/opt/app/lib%d.so" % index} for index, module in enumerate(manifest["modules"])]
    return {**manifest, "modules": modules}


class Everywhere(unittest.TestCase):
    """Each interpreter of this machine, one core each."""

    folder: tempfile.TemporaryDirectory
    cores: List[Tuple[str, str, Dict]] = []

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.cores = []
        for interpreter in dead_processes.interpreters():
            told = subprocess.run([interpreter, "-c", "import sys; print(sys.version.split()[0])"], capture_output=True, text=True, check=True)
            core = dead_processes.make_core(cls.folder.name, interpreter)
            cls.cores.append((interpreter, told.stdout.strip(), dead_processes.manifest_of(core)))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def stripped(self, path: str) -> str:
        out = os.path.join(self.folder.name, path.strip("/").replace("/", "_"))
        if not os.path.exists(out):
            subprocess.run(["strip", "-s", "-o", out, path], check=True)
        return out

    def without_sections(self, path: str) -> str:
        """Stripped of its section headers as well, so that no symbol table can be found."""
        out = path + ".headless"
        shutil.copyfile(path, out)
        with open(out, "r+b") as image:
            image.seek(0x28)
            image.write(bytes(8))
            image.seek(0x3A)
            image.write(bytes(6))
        return out

    def replaced(self, manifest: Dict, change) -> Dict:
        modules = []
        for module in manifest["modules"]:
            python = module["file"] is not None and "python" in os.path.basename(module["file"])
            modules.append({**module, "file": change(module["file"])} if python else module)
        return {**manifest, "modules": modules}

    def check(self, interpreter: str, version: str, manifest: Dict) -> Runtime:
        found = find(manifest)
        self.assertEqual(found.version_text, version, (interpreter, found.how))
        self.assertEqual(len(found.interpreters), 1, (interpreter, found.how))
        self.assertEqual(found.main.id, 0, (interpreter, found.how))
        self.assertTrue(found.main.sysdict and found.main.modules and found.main.builtins, (interpreter, found.how))
        self.assertEqual(found.address is None, found.version < (3, 7), (interpreter, found.how))
        return found

    def test_finds_it_with_its_binary(self) -> None:
        self.assertTrue(self.cores)
        for interpreter, version, manifest in self.cores:
            found = self.check(interpreter, version, manifest)
            self.assertIn("symbol", found.how)
            self.assertEqual(found.layout_source, "debug_offsets" if found.version >= (3, 13) else "table")

    def test_finds_it_with_a_stripped_binary(self) -> None:
        for interpreter, version, manifest in self.cores:
            self.check(interpreter, version, self.replaced(manifest, self.stripped))

    def test_finds_it_without_any_symbol_table(self) -> None:
        for interpreter, version, manifest in self.cores:
            self.check(interpreter, version, self.replaced(manifest, lambda path: self.without_sections(self.stripped(path))))

    def test_finds_it_in_a_binary_of_any_name(self) -> None:
        for interpreter, version, manifest in self.cores:
            self.check(interpreter, version, renamed(self.replaced(manifest, self.stripped)))

    def test_dwarf_of_extensions_alone_does_not_stand_in_for_the_interpreters(self) -> None:
        """Built with internal headers: most know no frames; ``_ctypes`` of 3.9 and 3.10 knows them, and no strings and functions."""
        for path, version, manifest in self.cores:
            for lacking in (("Frame",), ("Unicode", "ASCII", "String"), ("Function",), ("Keys", "Function")):
                with self.subTest(interpreter=path, lacking=lacking):
                    self.without_structs(version, manifest, lacking)

    def without_structs(self, version: str, manifest: Dict, lacking: Tuple[str, ...]) -> None:
        whole = tables.load(tuple(int(part) for part in version.split(".")[:3]))
        asked: List[Tuple[int, ...]] = []

        def of_extensions(hint: Tuple[int, ...]) -> Layouts:
            asked.append(hint)
            known = {name: struct for name, struct in whole.structs.items() if not any(word in name for word in lacking)}
            return replace(whole, source="dwarf", structs=known, version=(hint[0], hint[1], 0))

        alone = {**manifest, "modules": [{**module, "file": None} for module in manifest["modules"]]}
        with open_core(alone) as core:
            runtime = find_runtime(Reader(core, Budget(reads=20_000_000)), core, alone, of_extensions)
        self.assertEqual(runtime.version_text, version)
        self.assertNotEqual(runtime.layout_source, "dwarf")
        self.assertTrue(asked or runtime.layout_source == "debug_offsets")

    def test_finds_it_in_the_core_alone(self) -> None:
        for interpreter, version, manifest in self.cores:
            alone = {**manifest, "modules": [{**module, "file": None} for module in manifest["modules"]]}
            self.check(interpreter, version, alone)
            self.check(interpreter, version, renamed(alone))

    def test_finds_the_same_runtime_on_every_rung(self) -> None:
        for interpreter, _, manifest in self.cores:
            with_binary, alone = find(manifest), find({**manifest, "modules": []})
            self.assertEqual((with_binary.address, with_binary.main), (alone.address, alone.main), interpreter)

    def test_a_binary_mapped_twice_does_not_mislead_it(self) -> None:
        """A decoy below the real image: the same file, mapped by a tool that reads it."""
        for interpreter, version, manifest in self.cores:
            modules = []
            for module in manifest["modules"]:
                decoy = {"start": "0x100000", "end": "0x900000", "offset": 0}
                modules.append({**module, "mappings": [decoy, *module["mappings"]]})
            self.check(interpreter, version, {**manifest, "modules": modules})

    def test_a_core_truncated_anywhere_gives_an_interpreter_or_a_reason(self) -> None:
        chance = random.Random(SEED)
        for interpreter, version, manifest in self.cores:
            size = os.path.getsize(manifest["core"])
            cut = os.path.join(self.folder.name, "cut")
            for _ in range(3):
                length = chance.choice((chance.randrange(1, size), chance.randrange(1, 8192)))
                with open(manifest["core"], "rb") as whole, open(cut, "wb") as part:
                    part.write(whole.read(length))
                with self.subTest(seed=SEED, interpreter=interpreter, length=length):
                    try:
                        self.assertEqual(find({**manifest, "core": cut}, budget=3_000_000).version_text.split(".")[:2], version.split(".")[:2])
                    except NoPython as no:
                        self.assertTrue(no.reason.endswith("."))
                    except ElfError:
                        self.assertLess(length, 64)

    def test_memory_overwritten_at_random_gives_an_interpreter_or_a_reason(self) -> None:
        chance = random.Random(SEED)
        for interpreter, _, manifest in self.cores:
            hurt = os.path.join(self.folder.name, "hurt")
            shutil.copyfile(manifest["core"], hurt)
            with open_core(manifest) as core:
                start = min(segment.offset for segment in core.segments if segment.dumped)
            size = os.path.getsize(hurt)
            with open(hurt, "r+b") as image:
                for _ in range(20_000):
                    image.seek(chance.randrange(start, size))
                    image.write(bytes((chance.randrange(256),)))
            with self.subTest(seed=SEED, interpreter=interpreter):
                try:
                    self.assertGreaterEqual(len(find({**manifest, "core": hurt}, budget=5_000_000).interpreters), 1)
                except NoPython as no:
                    self.assertTrue(no.reason)


class Elsewhere(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def reason(self, manifest: Dict) -> str:
        with self.assertRaises(NoPython) as caught:
            find(manifest)
        return caught.exception.reason

    def test_a_process_without_python_is_said_to_have_none(self) -> None:
        shell = dead_processes.make_core(self.folder.name, "/bin/sh", "kill -ABRT $$")
        self.assertEqual(self.reason(dead_processes.manifest_of(shell)), "No CPython interpreter was found in the memory of this process.")

    def test_a_core_without_writable_memory_says_so(self) -> None:
        core = dead_processes.make_core(self.folder.name, sys.executable, coredump_filter=0)
        reason = self.reason(dead_processes.manifest_of(core))
        self.assertIn("not readable", reason)

    def test_finds_subinterpreters_newest_first_and_main_last(self) -> None:
        program = """
import os, signal
try:
    import _interpreters as s
except ImportError:
    import _xxsubinterpreters as s
kept = s.create(), s.create()
os.kill(os.getpid(), signal.SIGABRT)
"""
        seen = 0
        for interpreter in dead_processes.interpreters():
            told = subprocess.run([interpreter, "-c", "import _xxsubinterpreters"], capture_output=True, check=False).returncode
            told = told and subprocess.run([interpreter, "-c", "import _interpreters"], capture_output=True, check=False).returncode
            if told:
                continue
            seen += 1
            manifest = dead_processes.manifest_of(dead_processes.make_core(self.folder.name, interpreter, program))
            for tried in (manifest, {**manifest, "modules": []}):
                found = find(tried)
                self.assertEqual([entry.id for entry in found.interpreters], [2, 1, 0], (interpreter, found.how))
                self.assertEqual(found.main.id, 0)
        self.assertGreater(seen, 0)


if __name__ == "__main__":
    unittest.main()
