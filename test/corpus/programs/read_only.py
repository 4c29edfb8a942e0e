"""Writes over code."""
import ctypes


def scribble():
    code = ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value
    ctypes.memset(code, 0, 1)  # at: scribble


scribble()  # at: <module>
