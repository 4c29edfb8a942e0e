"""Recursion through C (a comparison of qsort's each time) until the main thread's stack has reached ulimit -s."""
import ctypes
import sys

sys.setrecursionlimit(10 ** 6)
compared = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
numbers = (ctypes.c_int * 200)(*range(200))
sort = ctypes.CDLL(None).qsort


def descend(one, other):
    sort(numbers, 200, 4, callback)
    return 0


callback = compared(descend)
descend(None, None)
