"""The crashing code comes from a zip file."""
import os
import sys
import tempfile
import zipfile

archive = os.path.join(tempfile.mkdtemp(), "bundle.egg")
with zipfile.ZipFile(archive, "w") as out:
    out.writestr("packed/__init__.py", "")
    out.writestr("packed/work.py", "import ctypes\n\n\ndef crash(value):\n    ctypes.string_at(0)\n")
sys.path.insert(0, archive)
from packed.work import crash


def run():
    crash(3)  # at: run


run()  # at: <module>
