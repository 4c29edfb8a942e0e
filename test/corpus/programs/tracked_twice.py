"""An object is given to the garbage collector a second time: a check that release builds have too."""
import ctypes


def track(items):
    ctypes.pythonapi.PyObject_GC_Track(ctypes.py_object(items))  # at: track


track([1, 2, 3])  # at: <module>
