"""Thousands of pure Python calls, then a crash at the bottom."""
import ctypes
import sys
import threading

sys.setrecursionlimit(10 ** 6)
threading.stack_size(512 * 1024 * 1024)


def descend(level):
    if level == 0:
        ctypes.string_at(0)  # at: bottom
    return descend(level - 1)


thread = threading.Thread(target=descend, args=(20000,), name="deep")
thread.start()
thread.join()
