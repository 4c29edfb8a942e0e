"""Dies in a subinterpreter that runs on the main thread, beside an idle one; 3.8 and later."""
import sys

INSIDE = """
def in_sub():
    import ctypes
    ctypes.string_at(0)
def outer():
    in_sub()
outer()
"""

if sys.version_info >= (3, 13):
    import _interpreters
    idle, busy = _interpreters.create("legacy"), _interpreters.create("legacy")
    run = _interpreters.exec
else:
    import _xxsubinterpreters as _interpreters
    options = {"isolated": False} if sys.version_info >= (3, 9) else {}
    idle, busy = _interpreters.create(**options), _interpreters.create(**options)
    run = _interpreters.run_string
run(idle, "import json")


def enters():
    run(busy, INSIDE)


enters()
