"""Calls a buffer."""
import ctypes


def call():
    data = ctypes.create_string_buffer(b"\xc3" * 64)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(data))()  # at: call


call()  # at: <module>
