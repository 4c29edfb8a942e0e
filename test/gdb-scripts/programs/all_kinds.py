# coding: utf-8
"""Frames of many kinds, in 2.7 to 3.15. Before it dies it writes what the interpreter itself says of every thread."""
import ctypes
import json
import os
import sys
import threading
import time

three = sys.version_info[0] >= 3
released = threading.Event()


def place(frame):
    code = frame.f_code
    found = [code.co_name, getattr(code, "co_qualname", None), code.co_filename, frame.f_lineno, None]
    if hasattr(code, "co_positions"):
        found[4] = list(list(code.co_positions())[frame.f_lasti // 2])
    return found


def shown(frame):
    plain = (int, float, bool, type(None), str, bytes, list, tuple, dict, type(u""))
    return {name: repr(value) for name, value in frame.f_locals.items() if isinstance(value, plain) and not name.startswith("_")}


def die():
    stacks = {}
    for ident, frame in sys._current_frames().items():
        rows = []
        while frame is not None:
            rows.append([place(frame), shown(frame) if frame.f_code.co_name != "<module>" else {}])
            frame = frame.f_back
        stacks[str(ident)] = rows
    names = {str(thread.ident): thread.name for thread in threading.enumerate()}
    lwps = {str(thread.ident): getattr(thread, "native_id", None) for thread in threading.enumerate()}
    with open("told.json", "w") as file:
        json.dump({"stacks": stacks, "names": names, "lwps": lwps, "pid": os.getpid(), "crashed": str(threading.current_thread().ident)}, file)
    ctypes.string_at(0)


class Recursive(object):
    def __init__(self, depth):
        self.depth = depth
        if depth:
            Recursive(depth - 1)
        else:
            self.begin(depth, "positional", keyword=(1, 2))

    def begin(self, depth, *rest, **named):
        shared = [depth, u"Ж€", 2.5]
        unbound = 1
        del unbound

        def closure(argument, cell_argument={"k": None}):
            def inner():
                return shared, cell_argument
            number = -(1 << 70)
            for value in generated(len(shared)):
                number = value
            return number, inner

        return closure(u"a" * 20)


def generated(limit):
    for index in range(limit):
        yield index
    in_exec = {}
    exec(compile(SOURCE, u"exec\u0416.py" if three else "exec.py", "exec"), globals(), in_exec)
    call = in_exec["f"]
    yield (lambda first:
           call(first))(limit)


SOURCE = u"""
def f(value):
    text = 'in exec'
    class Body:
        inside = value
        found = [sorted([1],
                        key=lambda each: handled(each)) for _ in (1,)]
    return Body
"""


def handled(each):
    try:
        raise KeyError("first")
    except KeyError:
        try:
            [][5]
        except IndexError:
            return (
                each +
                die()
            )


def waiting(number):
    here = "thread %d" % number
    released.wait()


if three:
    exec(u"def ж(ö):\n    return Recursive(ö)\n", globals())
    start = globals()[u"ж"]
else:
    start = Recursive
for each in range(3):
    thread = threading.Thread(target=waiting, args=(each,), name="waits-%d" % each if each else u"ждёт" if three else "waits")
    thread.daemon = True
    thread.start()
time.sleep(0.3)
start(2)
