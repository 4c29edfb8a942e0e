"""A tuple is tracked before its items are set: what the allocator's debug hooks filled it with stands in their place."""
import ctypes
import gc


def early():
    made = ctypes.pythonapi.PyTuple_New
    made.restype = ctypes.py_object
    items = made(ctypes.c_ssize_t(3))
    ctypes.memset(id(items) + tuple.__basicsize__, 0xCD, 3 * tuple.__itemsize__)
    return items


def tidy():
    gc.collect()  # at: tidy


items = early()
tidy()  # at: <module>
