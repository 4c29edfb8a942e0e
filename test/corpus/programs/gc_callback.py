"""Not the collector's crash: a function that it calls when it starts reads through a null pointer."""
import ctypes
import gc


def started(phase, info):
    ctypes.string_at(0)  # at: started


gc.callbacks.append(started)


def tidy():
    gc.collect()  # at: tidy


tidy()  # at: <module>
