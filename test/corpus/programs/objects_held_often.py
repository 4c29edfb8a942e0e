"""Objects that many variables, cells, closures, generators and containers hold at once, and one that is being finalised: nothing is wrong with their counts."""
import ctypes
import threading


class Job(object):
    def __del__(self):
        share(self)


def share(job):
    jobs = [job] * 3
    lazily = (each for each in jobs)

    def closure():
        return job, jobs

    for each in lazily:
        try:
            raise ValueError(each, closure)
        except ValueError as error:
            deeper(each, error, keyword=jobs)


def deeper(first, second, *rest, **named):
    again = first
    with threading.Lock():
        ctypes.string_at(0)  # at: deeper
    return again, second, rest, named


def work(number, nothing=None, truth=True, text="", big=10**30, real=1.5):
    job = Job()
    number = number + 1
    del job


work(7)  # at: <module>
