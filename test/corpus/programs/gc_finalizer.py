"""Not the collector's crash: a finalizer that it runs reads through a null pointer."""
import ctypes
import gc


class Handle(object):
    def __init__(self):
        self.me = self

    def __del__(self):
        ctypes.string_at(0)  # at: __del__


Handle()


def tidy():
    gc.collect()  # at: tidy


tidy()  # at: <module>
