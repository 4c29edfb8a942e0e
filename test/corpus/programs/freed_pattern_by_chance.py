"""The same pointer in a process without debug hooks: nobody wrote that pattern."""
import ctypes
import os
import sys

if hasattr(sys, "gettotalrefcount") and "PYTHONMALLOC" not in os.environ:
    # A debug build installs the hooks unless it is told not to.
    os.environ["PYTHONMALLOC"] = "pymalloc"
    os.execv(sys.executable, [sys.executable] + sys.argv)


def look():
    ctypes.string_at(0xDDDDDDDDDDDDDDDD)  # at: look


look()  # at: <module>
