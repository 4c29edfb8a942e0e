"""Crashes in an atexit callback while the interpreter finalizes."""
import atexit
import ctypes


def leave(reason):
    ctypes.string_at(0)  # at: leave


atexit.register(leave, "done")
