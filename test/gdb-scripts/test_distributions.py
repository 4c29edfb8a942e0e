"""Versions of installed distributions, from the import system's listing of each folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

from interpreters import pythons

from inquest.distributions import _versions, normalised

PROGRAM = """
import os, sys
sys.path.insert(0, %r)
import fast_tables, shapes
os.abort()
"""


class Distributions(unittest.TestCase):
    def test_names_and_versions_are_those_of_the_metadata_folders(self) -> None:
        entries = ["numpy-2.4.6.dist-info", "Fast_Tables-1.0rc1.dist-info", "old-0.5-py3.11.egg-info", "numpy", "numpy.libs", "a-b.dist-info", "six.py"]
        self.assertEqual(_versions(entries), {"numpy": "2.4.6", "fast_tables": "1.0rc1", "old": "0.5"})
        self.assertEqual(normalised("Fast.-Tables"), "fast_tables")

    def test_a_name_that_stands_there_twice_has_no_version(self) -> None:
        self.assertEqual(_versions(["numpy-1.0.dist-info", "numpy-2.0.dist-info"]), {})

    def test_an_extension_has_the_version_of_its_distribution(self) -> None:
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        packages = os.path.join(folder, "site-packages")
        os.makedirs(os.path.join(packages, "fast_tables-3.2.1.dist-info"))
        os.mkdir(os.path.join(packages, "shapes"))
        with open(os.path.join(packages, "shapes", "__init__.py"), "w", encoding="utf-8") as out:
            out.write("__version__ = '0.9'\nfrom . import _core\n")
        source = """
            typedef struct { long count; void *type; void *init; long index; void *copy; const char *name, *doc; long size; void *rest[5]; } definition;
            extern void *PyModule_Create2(definition *, int);
            static definition described = { .count = 1, .name = "%s", .size = -1 };
            void *PyInit_%s(void) { return PyModule_Create2(&described, 1013); }
        """
        for name, path in (("fast_tables", packages), ("_core", os.path.join(packages, "shapes"))):
            command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", os.path.join(path, name + ".so")]
            subprocess.run(command, input=(source % (name, name)).encode(), check=True)
        for python in pythons():
            if python.version[0] == 2:
                continue
            with self.subTest(python=python.path):
                answer = python.die(PROGRAM % packages, folder).answer()
                found = {each["name"]: (each["version"], each["third_party"]) for each in answer["python"]["extension_modules"]}
                self.assertEqual(found["fast_tables"], ("3.2.1", True))
                self.assertEqual(found["shapes._core"], ("0.9", True))


if __name__ == "__main__":
    unittest.main()
