"""Whoever owned the memory before an object wrote past its end, over the collector's links."""
import ctypes
import gc

kept = [["one"], ["two"], ["three"]]
gc.collect()


def damage(thing):
    word = ctypes.sizeof(ctypes.c_void_p)
    head = 32 if __import__("sys").version_info < (3, 8) else 16
    ctypes.memmove(id(thing) - head, b"overrun!", word)


def tidy():
    gc.collect()  # at: tidy


damage(kept[1])
tidy()  # at: <module>
