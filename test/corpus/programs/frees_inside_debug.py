"""An address inside a block is given back to the debug allocator: what stands before it is taken for a size."""
import ctypes

api = ctypes.pythonapi
api.PyMem_Malloc.restype = ctypes.c_void_p
api.PyMem_Malloc.argtypes = [ctypes.c_size_t]
api.PyMem_Free.argtypes = [ctypes.c_void_p]


def gives_back():
    block = api.PyMem_Malloc(64)
    ctypes.memset(block, 0x61, 64)
    api.PyMem_Free(block + 32)  # at: gives_back


gives_back()  # at: <module>
