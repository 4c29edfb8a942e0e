"""The C API is called by ctypes.CDLL, which gives the GIL up before each call."""
import ctypes

raise_error = ctypes.CDLL(None).PyErr_SetString
raise_error.argtypes = [ctypes.c_void_p, ctypes.c_char_p]


def call():
    raise_error(id(ValueError), b"no thread state")  # at: call


call()  # at: <module>
