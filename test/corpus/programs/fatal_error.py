"""An extension gives up with Py_FatalError."""
import ctypes


def give_up():
    ctypes.pythonapi.Py_FatalError(b"the widget table is corrupt")  # at: give_up


give_up()  # at: <module>
