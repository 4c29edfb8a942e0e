"""Reads where nothing is mapped."""
import ctypes


def look():
    ctypes.string_at(0x123456789000)  # at: look


look()  # at: <module>
