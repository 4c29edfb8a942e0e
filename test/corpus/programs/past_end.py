"""Fills a buffer beyond its mapping's end."""
import ctypes
import mmap

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None)


def fill():
    area = mmap.mmap(-1, 4 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    libc.munmap(ctypes.c_void_p(start + 2 * PAGE), ctypes.c_size_t(PAGE))
    ctypes.memset(start + PAGE, 1, PAGE + 16)  # at: fill


fill()  # at: <module>
