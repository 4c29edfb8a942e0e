"""A fill goes on beyond its buffer until it meets memory that may only be read."""
import ctypes
import mmap

libc = ctypes.CDLL(None)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def fills():
    area = mmap.mmap(-1, 4 * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    libc.mprotect(start + 2 * mmap.PAGESIZE, 2 * mmap.PAGESIZE, mmap.PROT_READ)
    ctypes.memset(start, 0x41, 3 * mmap.PAGESIZE)  # at: fills


fills()  # at: <module>
