"""One reference too many is given back, and what a variable still names is used. Needs PYTHONMALLOC=debug, which fills freed memory."""
import ctypes


class Job(object):
    def __init__(self, name):
        self.name = name

    def run(self):
        return self.name


def release(job):
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(job))


def work():
    job = Job("nightly")
    release(job)
    return job.run()  # at: work


work()  # at: <module>
