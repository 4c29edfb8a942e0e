"""Reads through a pointer of bytes with which the debug hooks fill freed memory; with the hooks on."""
import ctypes
import sys


def look():
    byte = 0xDD if sys.version_info >= (3, 8) else 0xDB
    ctypes.string_at(int("%02x" % byte * 8, 16))  # at: look


look()  # at: <module>
