"""Returns to text that stands where the return address belongs (x86-64)."""
import binascii
import ctypes
import mmap


def returns():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(binascii.unhexlify("48b8484746454443424150c3"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(None)(start)()  # at: returns


returns()  # at: <module>
