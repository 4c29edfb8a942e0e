"""Memory of Python's own allocator is given to free(). What stands before it reads as the size of a block of a thread's arena."""
import ctypes
import struct

api = ctypes.pythonapi
api.PyObject_Malloc.restype = ctypes.c_void_p
api.PyObject_Malloc.argtypes = [ctypes.c_size_t]
libc = ctypes.CDLL(None)
libc.free.argtypes = [ctypes.c_void_p]


def gives_back():
    block = api.PyObject_Malloc(256)
    word = ctypes.sizeof(ctypes.c_void_p)
    head = struct.pack("@LL", 0, 0x4004 | 1)
    ctypes.memmove(block, head, len(head))
    libc.free(block + 2 * word)  # at: gives_back


gives_back()  # at: <module>
