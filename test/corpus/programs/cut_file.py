"""Reads a mapped file behind its new end."""
import ctypes
import mmap
import os


def read_behind():
    with open("data.bin", "wb") as sink:
        sink.write(b"x" * 3 * mmap.PAGESIZE)
    file = os.open("data.bin", os.O_RDWR)
    area = mmap.mmap(file, 0)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    os.ftruncate(file, 1)
    ctypes.string_at(start + 2 * mmap.PAGESIZE + 5)  # at: read_behind


read_behind()  # at: <module>
