"""A post office of many bugs, none of which the rules were made with; the one that BUG names is run."""
import asyncio
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import functools
import gc
import json
import os
import re
import signal
import weakref

BUG = os.environ["BUG"]
library = ctypes.CDLL(os.environ["LIBRARY"]) if "LIBRARY" in os.environ else None


class Parcel(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_int), ("inside", ctypes.c_void_p)]


def crash():
    return ctypes.string_at(0)


class Letter(object):
    def __init__(self, name):
        self.name = name

    def __lt__(self, other):
        return crash() < self.name

    def __eq__(self, other):
        return self.name == crash()

    def __hash__(self):
        return 1

    @property
    def stamp(self):
        return crash()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        crash()


class Registered(Letter):
    def send(self):
        return ctypes.memset(8, 0, 8)


class Express(Letter):
    def send(self):
        return ctypes.memset(16, 0, 8)


def logged(function):
    @functools.wraps(function)
    def inner(*values):
        return function(*values)

    return inner


@logged
def frank(letter):
    ctypes.memmove(0, letter, 4)


@logged
def cancel(letter):
    ctypes.memmove(0, letter, 4)


@dataclasses.dataclass
class Address(object):
    street: str

    def __post_init__(self):
        crash()


def streets(names):
    for name in names:
        yield name if name else crash()


def towns(names):
    yield from streets(names)


def encode(value):
    return ctypes.wstring_at(0)


def replaced(match):
    return ctypes.string_at(match.start())


async def sort_office(letter):
    await asyncio.sleep(0)
    return ctypes.string_at(letter)


async def deliver():
    await asyncio.gather(sort_office(0))


def counter(letter):
    return ctypes.string_at(letter)


@contextlib.contextmanager
def opened():
    yield 1
    ctypes.string_at(2)


def shut():
    with opened() as box:
        return box


def on_alarm(number, frame):
    ctypes.string_at(number)


def wait():
    signal.signal(signal.SIGUSR1, on_alarm)
    os.kill(os.getpid(), signal.SIGUSR1)
    for _ in range(1000):
        pass


class Cycle(object):
    def __init__(self):
        self.me = self

    def __del__(self):
        ctypes.string_at(3)


def collect():
    Cycle()
    gc.collect()


def forgotten():
    letter = Letter("x")
    reference = weakref.ref(letter, lambda _: ctypes.string_at(4))
    del letter
    return reference


def compared(one, other):
    return ctypes.string_at(5)[0]


def sort_weights():
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    return library.parcel_sort((ctypes.c_int * 4)(4, 3, 2, 1), 4, kind(compared))


def ship(what, *values):
    """One function, several bugs of the library below it."""
    return getattr(library, what)(*values)


bugs = {
    "order_by": lambda: sorted([Letter("b"), Letter("a")]),
    "look_up": lambda: {Letter("a"): 1}.get(Letter("b")),
    "stamp": lambda: Letter("a").stamp,
    "leave": lambda: Letter("a").__exit__(),
    "registered": lambda: Registered("a").send(),
    "express": lambda: Express("a").send(),
    "frank": lambda: frank(b"abcd"),
    "cancel": lambda: cancel(b"abcd"),
    "address": lambda: Address("x"),
    "towns": lambda: ",".join(towns(["a", ""])),
    "encode": lambda: json.dumps({"a": object()}, default=encode),
    "replaced": lambda: re.sub("a", replaced, "abc"),
    "deliver": lambda: asyncio.run(deliver()),
    "counter": lambda: concurrent.futures.ThreadPoolExecutor(1).submit(counter, 0).result(),
    "shut": shut,
    "wait": wait,
    "collect": collect,
    "forgotten": forgotten,
    "sort_weights": sort_weights,
    "weigh": lambda: ship("parcel_weigh", ctypes.byref(Parcel(1, None))),
    "price": lambda: ship("parcel_price", ctypes.byref(Parcel(1, None))),
    "unwrap": lambda: ship("parcel_unwrap", ctypes.byref(Parcel(1, None))),
    "wrap": lambda: ship("parcel_wrap", None),
    "seal": lambda: ship("parcel_seal", 0),
    "drop": lambda: ship("parcel_drop"),
    "send": lambda: ship("parcel_send", ctypes.byref(Parcel(1, None))),
}

bugs[BUG]()
