"""A list that the collector tracks has its type overwritten."""
import ctypes
import gc

shelf = {"books": [["first"], ["second"], ["third"]]}
gc.collect()


def damage(thing):
    base = object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)
    ctypes.c_void_p.from_address(id(thing) + base).value = 0x1234567812345678


def tidy():
    gc.collect()  # at: tidy


damage(shelf["books"][1])
tidy()  # at: <module>
