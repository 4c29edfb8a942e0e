"""Python recursion through C (a key function each time) until the C stack ends."""
import sys
import threading

sys.setrecursionlimit(10 ** 6)


def descend(level):
    return sorted([level + 1], key=descend)


descend(0)
