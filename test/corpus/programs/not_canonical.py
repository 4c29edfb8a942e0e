"""Reads through a pointer that text was written over: no address at all on x86-64."""
import ctypes


def look():
    ctypes.string_at(0x4141414141414141)  # at: look


look()  # at: <module>
