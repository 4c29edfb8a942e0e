"""A harbour of many bugs that were held out from version 3 of the rules; the one that BUG names is run."""
import asyncio
import atexit
import collections
import concurrent.futures
import copy
import ctypes
import functools
import multiprocessing
import os
import pickle
import queue
import socket
import sqlite3
import sys
import threading
import weakref
import xml.parsers.expat

BUG = os.environ["BUG"]
library = ctypes.CDLL(os.environ["LIBRARY"])


def poke(address):
    """Each of its callers is a bug of its own."""
    return ctypes.c_int.from_address(address).value


def crew(what, *values):
    """One function, several bugs of the library below it."""
    return getattr(library, what)(*values)


def crane():
    import crane as extension

    return extension


def lift():
    return crane().Crane().lift()


def load():
    return crane().Crane().load


def scrap():
    first = crane().Crane()
    del first


def swing():
    crane().swing(lambda times: poke(times))


def whistle(times):
    return "x" * times


def release():
    for _ in range(3):
        crane().release(whistle)


def paint():
    return crane().paint(b"a name that is longer than what it is painted on " * 4)


def weld():
    crane().weld()


def loosen():
    cargo = [object() for _ in range(50)]
    crane().loosen(cargo[3])
    cargo.clear()


def borrow():
    return crane().borrow([1])


class Manifest(object):
    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return poke(1)

    def __reduce__(self):
        return unpack, (self.name,)

    def __deepcopy__(self, memo):
        return poke(2)


def unpack(name):
    return poke(3)


def stored():
    return pickle.loads(pickle.dumps(Manifest("a")))


def copied():
    return copy.deepcopy({"one": [Manifest("a")]})


def asked():
    return Manifest("a").weight


class Slot(object):
    def __set_name__(self, owner, name):
        poke(4)


def declared():
    class Form(object):
        slot = Slot()

    return Form


@functools.singledispatch
def inspect(what):
    return what


@inspect.register(int)
def inspect_number(what):
    return poke(what)


@functools.lru_cache(maxsize=None)
def tariff(tons):
    return poke(tons)


def billed():
    return [tariff(tons) for tons in (6, 7)]


def logged(text):
    return poke(len(text))


def queried():
    connection = sqlite3.connect(":memory:")
    connection.create_function("logged", 1, logged)
    return connection.execute("select logged('abc')").fetchall()


class Reader(object):
    def started(self, name, attributes):
        poke(len(name))

    def read(self):
        parser = xml.parsers.expat.ParserCreate()
        parser.StartElementHandler = self.started
        parser.Parse("<ship/>", True)


def traced(frame, event, argument):
    if frame.f_code.co_name == "sail":
        poke(5)
    return traced


def sail():
    return 1


def followed():
    sys.settrace(traced)
    return sail()


def generated():
    scope = {"poke": poke}
    exec(compile("def landing(tons):\n    return poke(tons)\n", "<generated %d>" % os.getpid(), "exec"), scope)
    return scope["landing"](9)


def ranked():
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)
    return library.harbour_rank((ctypes.c_int * 4)(4, 3, 2, 1), 4, kind(heavier))


def heavier(one, other):
    return poke(one)


def farewell(name):
    poke(len(name))


def last_words():
    atexit.register(farewell, "bye")


class Light(object):
    pass


def put_out(name):
    poke(len(name))


def dark():
    light = Light()
    weakref.finalize(light, put_out, "light")
    del light


async def tides(count):
    for at in range(count):
        await asyncio.sleep(0)
        yield poke(at) if at == 1 else at


async def watched():
    return [tide async for tide in tides(3)]


class Wire(asyncio.Protocol):
    def data_received(self, data):
        poke(len(data))


async def wired():
    here, there = socket.socketpair()
    await asyncio.get_running_loop().create_connection(Wire, sock=here)
    there.send(b"morse")
    await asyncio.sleep(5)


def rung(bell):
    poke(bell)


async def rings():
    asyncio.get_running_loop().call_later(0.01, rung, 1)
    await asyncio.sleep(5)


def unloaded(crate):
    return poke(crate)


async def unload():
    return await asyncio.get_running_loop().run_in_executor(None, unloaded, 1)


class Pilot(threading.Thread):
    def run(self):
        poke(1)


def steered():
    pilot = Pilot()
    pilot.start()
    pilot.join()


def alarm():
    poke(3)


def timed():
    timer = threading.Timer(0.01, alarm)
    timer.start()
    timer.join()


def served(jobs):
    while True:
        poke(jobs.get())


def queued():
    jobs = queue.Queue()
    threading.Thread(target=served, args=(jobs,), daemon=True).start()
    jobs.put(1)
    threading.Event().wait(5)


def forked(number):
    poke(number)


def parted():
    child = multiprocessing.get_context("fork").Process(target=forked, args=(1,))
    child.start()
    child.join()


def mapped():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda crate: poke(crate), [1]))


class Tonnage(collections.UserDict):
    def __missing__(self, name):
        return poke(len(name))


def weighed():
    return "%(ship)s" % Tonnage()


def sounded():
    import pilot

    return pilot.depth()


def relieved(when):
    return poke(len(when))


def night_watch():
    import pilot

    pilot.keep(relieved)


bugs = {
    "lift": lift,
    "load": load,
    "scrap": scrap,
    "swing": swing,
    "release": release,
    "paint": paint,
    "weld": weld,
    "loosen": loosen,
    "borrow": borrow,
    "stored": stored,
    "copied": copied,
    "asked": asked,
    "declared": declared,
    "dispatched": lambda: inspect(3),
    "billed": billed,
    "queried": queried,
    "read": lambda: Reader().read(),
    "followed": followed,
    "generated": generated,
    "ranked": ranked,
    "last_words": last_words,
    "dark": dark,
    "watched": lambda: asyncio.run(watched()),
    "wired": lambda: asyncio.run(wired()),
    "rings": lambda: asyncio.run(rings()),
    "unload": lambda: asyncio.run(unload()),
    "steered": steered,
    "timed": timed,
    "queued": queued,
    "parted": parted,
    "mapped": mapped,
    "weighed": weighed,
    "moor": lambda: crew("harbour_moor"),
    "berth": lambda: crew("harbour_berth", 12),
    "berth_again": lambda: crew("harbour_berth", 99),
    "refuse": lambda: crew("harbour_refuse", b"no berth for 12 ships"),
    "pier": lambda: crew("harbour_pier"),
    "build": lambda: crew("harbour_build"),
    "stow_number": lambda: crew("harbour_stow_number"),
    "stow_measure": lambda: crew("harbour_stow_measure"),
    "watch": lambda: crew("harbour_watch"),
    "buoys": lambda: crew("harbour_buoys"),
    "share": lambda: crew("harbour_share", 3, 0),
    "call": lambda: crew("harbour_call", None),
    "name": lambda: crew("harbour_name", 7),
    "cut": lambda: crew("harbour_cut", 1),
    "sounded": sounded,
    "night_watch": night_watch,
    "ashore": lambda: None,
}

bugs[BUG]()
