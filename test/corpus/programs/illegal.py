"""Runs into an instruction that compilers put where code must never come."""
import binascii
import ctypes
import mmap


def trapped():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(binascii.unhexlify("0f0b"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(ctypes.c_int)(start)()  # at: trapped


trapped()  # at: <module>
