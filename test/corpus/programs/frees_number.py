"""A number is given to free(), which looks for the size in front of it."""
import ctypes

libc = ctypes.CDLL(None)
libc.free.argtypes = [ctypes.c_void_p]


def gives_back(handle):
    libc.free(handle)  # at: gives_back


gives_back(0x1230)  # at: <module>
