"""Memory is short: an allocation fails, and C code that was given its null pointer uses it."""
import ctypes
import sys


def load():
    try:
        # The address space of 32 bits may have room for one.
        [bytes(sys.maxsize - 64) for _ in range(2)]
    except MemoryError:
        ctypes.string_at(0)  # at: load


load()  # at: <module>
