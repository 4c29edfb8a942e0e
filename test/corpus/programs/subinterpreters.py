"""The crash is in a subinterpreter that runs on the main interpreter's thread."""
import sys

code = """
import ctypes


def inside():
    ctypes.string_at(0)


inside()
"""


def run():
    try:
        import _interpreters as interpreters
    except ImportError:
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _testcapi

            _testcapi.run_in_subinterp(code)
            return
    try:
        number = interpreters.create("legacy")
    except (TypeError, ValueError):
        number = interpreters.create(isolated=False) if sys.version_info >= (3, 9) else interpreters.create()
    if hasattr(interpreters, "run_string"):
        interpreters.run_string(number, code)  # at: run
    else:
        interpreters.exec(number, code)


run()  # at: <module>
