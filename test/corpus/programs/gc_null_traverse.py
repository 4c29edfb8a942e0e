"""The type of an instance in a list loses its tp_traverse; the collector calls it."""
import ctypes
import gc


class Order(object):
    pass


order = Order()
gc.collect()


def damage(cls):
    """An instance of a class can hold others, so its type has the slot; an int cannot."""
    word = ctypes.sizeof(ctypes.c_void_p)
    head = object.__basicsize__ + word
    # PyTypeObject: name, basicsize, itemsize, dealloc, 4 more, repr, 3 protocols, hash, call, str, getattro, setattro, buffer, flags, doc.
    traverse = id(cls) + head + 20 * word
    assert ctypes.c_void_p.from_address(traverse).value and not ctypes.c_void_p.from_address(id(int) + head + 20 * word).value
    ctypes.c_void_p.from_address(traverse).value = None


def tidy():
    gc.collect()  # at: tidy


damage(Order)
tidy()  # at: <module>
