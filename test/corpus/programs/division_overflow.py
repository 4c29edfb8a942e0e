"""Divides the smallest integer by -1 in machine code, the divisor in memory: the processor raises the same exception as for 0."""
import binascii
import ctypes
import mmap


def divides():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # push $-1; mov $0x80000000,%eax; cltd; idivl (%rsp); pop %rax; ret
    area.write(binascii.unhexlify("68ffffffff" "b800000080" "99" "f73c24" "58" "c3"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(ctypes.c_int)(start)()  # at: divides


divides()  # at: <module>
