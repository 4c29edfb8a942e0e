"""Python recursion through C (a key function each time) until a thread's small C stack ends."""
import sys
import threading

sys.setrecursionlimit(10 ** 6)
threading.stack_size(128 * 1024)


def descend(level):
    return sorted([level + 1], key=descend)


thread = threading.Thread(target=descend, args=(0,), name="overflowing")
thread.start()
thread.join()
