"""Writes one byte beyond a block; the debug hooks find it when the block is freed."""
import ctypes

api = ctypes.pythonapi
api.PyMem_Malloc.restype = ctypes.c_void_p
api.PyMem_Malloc.argtypes = [ctypes.c_size_t]
api.PyMem_Free.argtypes = [ctypes.c_void_p]


def overrun():
    block = api.PyMem_Malloc(24)
    ctypes.memset(block, 0x41, 25)
    api.PyMem_Free(block)  # at: overrun


overrun()  # at: <module>
