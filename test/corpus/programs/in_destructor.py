"""Crashes in __del__, called by the interpreter while a name is deleted."""
import ctypes


class Resource(object):
    def __init__(self, name):
        self.name = name

    def __del__(self):
        ctypes.string_at(0)  # at: __del__


def release():
    resource = Resource("socket")
    del resource  # at: release


release()  # at: <module>
