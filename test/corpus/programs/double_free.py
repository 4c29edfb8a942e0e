"""free() finds that the block was freed before."""
import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def free_twice():
    block = libc.malloc(2000000 // 1000)
    libc.malloc(64)
    libc.free(block)
    libc.free(block)  # at: free_twice


free_twice()  # at: <module>
