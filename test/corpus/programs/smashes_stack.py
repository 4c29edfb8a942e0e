"""Overwrites the C stack from its innermost frame on, and crashes in the return (x86-64)."""
import ctypes
import struct

libc = ctypes.CDLL(None)


def stack_pointer():
    context = ctypes.create_string_buffer(4096)  # ucontext_t; gregs[REG_RSP] lies at 160
    libc.getcontext(context)
    return struct.unpack_from("Q", context, 160)[0]


def overflow(size):
    kept = "still readable"
    ctypes.memset(stack_pointer() - 256, 0x41, 256 + size)  # at: overflow


def handle(request):
    overflow(len(request) * 64)  # at: handle


handle("0123456789abcdef")  # at: <module>
