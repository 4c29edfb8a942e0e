"""Stands in for the greenlet module: waiting objects that keep a frame, as greenlets do, and that nothing names. 2.7 and later."""
import ctypes
import gc
import sys
import types


class greenlet(object):
    __slots__ = ("run", "top", "itself")


class Derived(greenlet):
    pass


module = types.ModuleType("greenlet")
module.greenlet = greenlet
sys.modules["greenlet"] = module


def waits(number):
    mine = "waiting %d" % number
    yield sys._getframe()


def hide(kind, number):
    # Kept alive by a cycle alone, as greenlets are by their C stacks.
    made = kind()
    made.run = waits(number)
    made.top = next(made.run)
    made.itself = made


# All that is there is old from here on; the greenlets are in another ring of the collector, as in a process that has run for a while.
gc.collect()
for each, kind in enumerate((greenlet, Derived)):
    hide(kind, each)
unstarted = greenlet()
# One that runs: a frame that it once kept stands elsewhere than where waiting ones have theirs.
running = waits(3)
current = greenlet()
current.itself = next(running)
ctypes.string_at(0)
