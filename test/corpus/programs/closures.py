"""Cells, free variables, defaults, *args and **kwargs."""
import ctypes


def make(counter, names=("a", "b")):
    limit = 5

    def closure(first, *rest, **options):
        total = counter + limit + first
        ctypes.string_at(0)  # at: closure
        return names, total

    return closure


make(2)(1, 2, 3, key="value")  # at: <module>
