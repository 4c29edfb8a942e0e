"""Many distinct bugs in one file, some of them in the same function; the one that BUG names is run."""
import ctypes
import os
import signal
import sys
import threading

BUG = os.environ["BUG"]
library = ctypes.CDLL(os.environ["LIBRARY"]) if "LIBRARY" in os.environ else None


class Cart(object):
    def total(self, prices):
        return ctypes.string_at(int(prices))

    def discount(self, prices):
        return ctypes.string_at(int(prices))


class Order(object):
    def total(self, prices):
        return ctypes.string_at(int(prices))


def checkout(what, prices):
    return what(prices)


def refund(what, prices):
    return what(prices)


def sync():
    """One function, several different crashes below it."""
    if BUG == "load":
        library.inventory_load(None)
    if BUG == "save":
        library.inventory_save(None)
    if BUG == "copy":
        library.inventory_copy(None, b"x")
    if BUG == "give_up":
        library.inventory_give_up(-1)
    if BUG == "check":
        library.inventory_check(-1)
    if BUG == "divide":
        library.inventory_divide(0)
    if BUG == "trap":
        library.inventory_trap(-1)
    if BUG == "free_twice":
        library.inventory_free_twice(24)
    if BUG == "os_abort":
        os.abort()
    if BUG == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    if BUG == "fatal_stock":
        ctypes.pythonapi.Py_FatalError(b"stock list is damaged")
    if BUG == "fatal_price":
        ctypes.pythonapi.Py_FatalError(b"price list is damaged")


def visit(number):
    return ctypes.string_at(number) and 0


Visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)


def walk():
    library.inventory_each(Visit(visit), 3)


def consume(queue):
    for item in queue:
        ctypes.string_at(item)


def produce(queue):
    return [ctypes.string_at(item) for item in queue]


def numbers():
    yield ctypes.string_at(0)


def fold():
    return sum(len(each) for each in numbers())


def in_thread(target):
    thread = threading.Thread(target=target, args=([0],), name="worker-%d" % (os.getpid() % 7))
    thread.start()
    thread.join()


def descend(level):
    return sorted([level], key=descend)


def ping(level):
    return sorted([level + 1], key=pong)


def pong(level):
    return sorted([level + 1], key=ping)


def overflow(first):
    sys.setrecursionlimit(10 ** 6)
    threading.stack_size(160 * 1024)
    in_thread(lambda queue: first(0))


class Resource(object):
    def __del__(self):
        ctypes.string_at(0)


def release():
    resource = Resource()
    del resource


bugs = {
    "cart_total": lambda: checkout(Cart().total, 0),
    "cart_discount": lambda: checkout(Cart().discount, 0),
    "order_total": lambda: checkout(Order().total, 0),
    "cart_refund": lambda: refund(Cart().total, 0),
    "walk": walk,
    "consume": lambda: in_thread(consume),
    "produce": lambda: produce([0]),
    "fold": fold,
    "descend": lambda: overflow(descend),
    "ping": lambda: overflow(ping),
    "release": release,
}

bugs.get(BUG, sync)()
