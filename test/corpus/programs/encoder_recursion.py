"""Recursion through an encoder written in C, whose calls back end in tail calls: thousands deep, then a crash at the bottom."""
import ctypes
import json
import sys
import threading

sys.setrecursionlimit(10 ** 6)
threading.stack_size(64 * 1024 * 1024)
left = 6000


class Unknown(object):
    pass


def default(value):
    global left
    left -= 1
    if left == 0:
        ctypes.string_at(0)
    return json.dumps(value, default=default)


thread = threading.Thread(target=default, args=(Unknown(),), name="encoding")
thread.start()
thread.join()
