"""A freed block is written to, and malloc() follows what it takes for the link to the next free one."""
import ctypes

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def damages():
    blocks = [libc.malloc(1000) for _ in range(3)]
    for block in blocks:
        libc.free(block)
    for block in blocks:
        ctypes.memset(block, 0x41, 64)
    while True:
        libc.malloc(1000)  # at: damages


damages()  # at: <module>
