"""C code gives the GIL up, and comes back to Python without it."""
import ctypes


def gives_up():
    ctypes.PyDLL(None).PyEval_SaveThread()  # at: gives_up


gives_up()  # at: <module>
