"""A lambda in a comprehension in a class body in exec'd code."""
import ctypes

source = """
class Body:
    values = list(map(lambda item: crash(item), [0]))
"""


def crash(item):
    ctypes.string_at(item)  # at: crash


def run():
    exec(compile(source, "<generated>", "exec"), {"crash": crash})  # at: run


run()  # at: <module>
