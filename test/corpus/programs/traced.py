"""tracemalloc is tracing when the process dies."""
import ctypes
import tracemalloc

tracemalloc.start(4)


class Cart(object):
    pass


def make(count):
    return [object() for _ in range(count)]


def fill():
    cart = Cart()
    cart.items = make(3000)
    ctypes.string_at(0)  # at: fill


fill()  # at: <module>
