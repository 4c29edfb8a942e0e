"""One reference too many is given back: what a list still holds is freed memory. Needs PYTHONMALLOC=debug, which fills it."""
import ctypes
import gc


class Job(object):
    pass


queue = [Job() for _ in range(4)]
gc.collect()


def release(job):
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(job))


def tidy():
    gc.collect()  # at: tidy


release(queue[2])
tidy()  # at: <module>
