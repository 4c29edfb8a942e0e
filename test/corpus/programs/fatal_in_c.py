"""CPython itself gives up with Py_FatalError, its message a constant of its own code."""
import ctypes


def restores():
    ctypes.PyDLL(None).PyEval_RestoreThread(None)  # at: restores


restores()  # at: <module>
