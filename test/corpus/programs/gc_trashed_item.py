"""An instance in a list has its type overwritten by text; the collector finds it."""
import ctypes
import gc


class Order(object):
    pass


class Shop(object):
    def __init__(self):
        self.orders = [Order() for _ in range(5)]


shop = Shop()
gc.collect()


def damage(order):
    base = object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)
    ctypes.memmove(id(order) + base, b"no order", 8)


def tidy():
    gc.collect()  # at: tidy


damage(shop.orders[3])
tidy()  # at: <module>
