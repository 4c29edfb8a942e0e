"""The same pointer in a process without debug hooks: nobody wrote that pattern."""
import ctypes


def look():
    ctypes.string_at(0xDDDDDDDDDDDDDDDD)  # at: look


look()  # at: <module>
