"""Python, C, Python, C: qsort of the C library calls a Python function, which sorts with a key function, which crashes."""
import ctypes
import ctypes.util

libc = ctypes.CDLL(None)
Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def key(item):
    return ctypes.string_at(0)  # at: key


def compare(left, right):
    sorted([3, 1, 2], key=key)  # at: compare
    return 0


def run():
    numbers = (ctypes.c_int * 4)(4, 3, 2, 1)
    libc.qsort(numbers, 4, ctypes.sizeof(ctypes.c_int), Compare(compare))  # at: run


run()  # at: <module>
