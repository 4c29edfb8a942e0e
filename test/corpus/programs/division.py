"""Divides by zero in machine code."""
import binascii
import ctypes
import mmap


def divides():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(binascii.unhexlify("31d231c9b801000000f7f9c3"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(ctypes.c_int)(start)()  # at: divides


divides()  # at: <module>
