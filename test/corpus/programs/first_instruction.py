"""Faults at the first instruction of a function whose address is in rcx, where a system call leaves its return address."""
import binascii
import ctypes
import mmap


def calls():
    area = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # lea 3(%rip),%rcx; call *%rcx; ret; movl $1,8
    area.write(binascii.unhexlify("488d0d03000000" "ffd1" "c3" "c704250800000001000000"))
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    ctypes.CFUNCTYPE(ctypes.c_int)(start)()  # at: calls


calls()  # at: <module>
