"""Memory is short: an allocation fails, and C code that was given its null pointer uses it."""
import ctypes
import sys


def load():
    try:
        bytes(sys.maxsize // 2)
    except MemoryError:
        ctypes.string_at(0)  # at: load


load()  # at: <module>
