"""Loads 16 bytes from an odd address by an instruction that asks for an aligned one (x86-64)."""
import binascii
import ctypes
import mmap


def loads():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(binascii.unhexlify("488d3d010000000f2807c3"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(None)(start)()  # at: loads


loads()  # at: <module>
