"""Dies in the state that the first line of the program names: see test_frames_states.py."""
import ctypes
import gc
import os
import sys


def die():
    ctypes.string_at(0)


def importing():
    import zipfile
    os.mkdir("package")
    open(os.path.join("package", "__init__.py"), "w").write("from . import inner\n")
    open(os.path.join("package", "inner.py"), "w").write("import ctypes\nctypes.string_at(0)\n")
    sys.path.insert(0, os.getcwd())
    import package


class Dies(object):
    def __del__(self, die=die):
        die()


class DiesLate(object):
    def __del__(self, crash=ctypes._string_at):
        crash(0, -1)


def collecting():
    gc.collect()
    first = Dies()
    first.itself = first
    del first
    gc.collect()


def finalizing():
    sys.keeps = DiesLate()


def propagating():
    # A capsule on the value stack is freed while the exception unwinds: its destructor runs with the exception set.
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    abort = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p)
    return [new(1, None, abort), int("on its way")]


def os_error():
    try:
        open("/nowhere/at/all")
    except EnvironmentError:
        die()


def caused():
    class Own(Exception):
        pass

    class Outer:
        class Nested(Own):
            pass
    try:
        try:
            raise KeyError("k")
        except KeyError as error:
            raise Outer.Nested(1, u"zwei") from error
    except Own:
        die()


def watched():
    import faulthandler
    import tracemalloc
    faulthandler.enable()
    tracemalloc.start(3)
    die()


def disabled_gc():
    gc.disable()
    gc.set_threshold(123, 4, 5)
    die()


def namespace():
    class Body:
        first = 1
        second = "two"
        die()


def in_exec():
    exec(compile("number = 42\ndie()\n", "text", "exec"), {"die": die}, {"mine": [1]})
