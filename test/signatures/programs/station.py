"""A railway station of many bugs that were written after version 4 of the rules; the one that BUG names is run."""
import codecs
import contextlib
import contextvars
import copy
import csv
import ctypes
import dataclasses
import enum
import functools
import heapq
import io
import itertools
import logging
import operator
import os
import pickle
import queue
import re
import sqlite3
import sys
import threading
import unittest
import xml.etree.ElementTree as tree
from multiprocessing.pool import ThreadPool

BUG = os.environ["BUG"]


def derail(*_):
    return ctypes.string_at(0)


class Train(object):
    def __init__(self, number):
        self.number = number

    def __lt__(self, other):
        return derail() < other.number

    def __reduce__(self):
        return derail()

    def __deepcopy__(self, memo):
        return derail()

    def __index__(self):
        return len(derail())

    def __format__(self, form):
        return derail()

    def __iter__(self):
        yield self.number
        yield derail()


class Signal(enum.Enum):
    GREEN = 1

    @classmethod
    def _missing_(cls, value):
        return derail()


@dataclasses.dataclass
class Ticket:
    price: int

    def __post_init__(self):
        derail()


class Platform:
    def __init_subclass__(cls, **options):
        derail()


class Clock:
    def __set_name__(self, owner, name):
        derail()

    def __get__(self, instance, owner):
        return derail()


class Board(logging.Handler):
    def emit(self, record):
        derail()


class Inspection(unittest.TestCase):
    def test_brakes(self):
        derail()


class Target:
    def start(self, tag, attributes):
        derail()


@functools.singledispatch
def announce(what):
    return what


@announce.register(int)
def announce_number(what):
    return derail()


def schedule():
    heap = [Train(1), Train(2)]
    heapq.heapify(heap)


def archive():
    return pickle.dumps([Train(3)])


def duplicate():
    return copy.deepcopy({"train": Train(4)})


def seat():
    return [1, 2, 3][Train(5)]


def print_ticket():
    return "{:>10}".format(Train(6))


def arrivals():
    return list(csv.reader(derail() for _ in range(1)))


def group_wagons():
    return [list(each) for _, each in itertools.groupby([1, 2], key=derail)]


def signal_value():
    return Signal(7)


def sell():
    return Ticket(3)


def extend():
    return type("Long", (Platform,), {})


def install_clock():
    return type("Hall", (), {"clock": Clock()})


def log_delay():
    logger = logging.getLogger("station")
    logger.addHandler(Board())
    logger.error("late")


def inspect():
    return unittest.TextTestRunner(stream=io.StringIO()).run(Inspection("test_brakes"))


def parse_timetable():
    return tree.XMLParser(target=Target()).feed("<trains/>")


def announce_all():
    return [announce(each) for each in ("a", 1)]


def replace_names():
    return re.sub(r"\w+", lambda match: derail(), "Bern")


def fare():
    connection = sqlite3.connect(":memory:")
    connection.create_function("fare", 1, derail)
    return connection.execute("select fare(1)").fetchall()


def guard():
    connection = sqlite3.connect(":memory:")
    connection.set_authorizer(derail)
    return connection.execute("select 1").fetchall()


def collate():
    connection = sqlite3.connect(":memory:")
    connection.create_collation("local", derail)
    return connection.execute("select 'a' union select 'b' order by 1 collate local").fetchall()


def shunt():
    with ThreadPool(2) as pool:
        return pool.map(derail, range(4))


def conduct():
    orders = queue.Queue()
    orders.put(1)

    def work():
        while True:
            derail(orders.get())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def depart():
    context = contextvars.copy_context()
    return context.run(functools.partial(derail, 1))


def close_gates():
    with contextlib.ExitStack() as stack:
        stack.callback(derail)


def transcribe():
    codecs.register_error("station", derail)
    return "Zürich".encode("ascii", "station")


def fail_loudly():
    sys.excepthook = derail
    raise RuntimeError("strike")


def sort_by_c():
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    ctypes.CDLL(None).qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), kind(derail))


def whistle():
    return operator.methodcaller("__iter__")(Train(8)).send(None), list(Train(9))


def relay():
    def first():
        yield from second()

    def second():
        yield derail()

    return next(first())


globals()[BUG]()
