"""Gives references to None back that were never taken, until the interpreter notices."""
import ctypes


def releases():
    release = ctypes.pythonapi.Py_DecRef
    release.argtypes, release.restype = [ctypes.py_object], ctypes.c_int
    while True:
        release(None)  # at: releases


releases()  # at: <module>
