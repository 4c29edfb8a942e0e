"""A generator inside a generator inside a generator expression."""
import ctypes


def innermost():
    yield 1
    ctypes.string_at(0)  # at: innermost
    yield 2


def outer():
    for item in innermost():  # at: outer
        yield item


def run():
    return list(item for item in outer())  # at: run


run()  # at: <module>
