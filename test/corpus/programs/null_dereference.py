"""Three plain calls, then a read through NULL in C."""
import ctypes


def inner(depth, text):
    squares = [n * n for n in range(depth)]
    return ctypes.string_at(0)  # at: inner


def middle(items):
    total = sum(items)
    return inner(total, "h\u00e9llo")  # at: middle


def main():
    settings = {"host": "web1", "retries": 3}
    return middle((1, 2, 3))  # at: main


main()  # at: <module>
