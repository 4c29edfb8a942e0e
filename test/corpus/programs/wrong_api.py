"""Memory of PyMem_Malloc is given to PyObject_Free; the debug hooks find it."""
import ctypes

api = ctypes.pythonapi
api.PyMem_Malloc.restype = ctypes.c_void_p
api.PyMem_Malloc.argtypes = [ctypes.c_size_t]
api.PyObject_Free.argtypes = [ctypes.c_void_p]


def mix():
    block = api.PyMem_Malloc(40)
    api.PyObject_Free(block)  # at: mix


mix()  # at: <module>
