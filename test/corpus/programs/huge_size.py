"""A list whose size says 2**62, an int and a str beside it."""
import ctypes


def overwrite():
    before = "before"
    victim = [1, 2, 3]
    after = 12345678901234567890123
    offset = object.__basicsize__
    ctypes.c_ssize_t.from_address(id(victim) + offset).value = 1 << 62
    ctypes.string_at(0)  # at: overwrite


overwrite()  # at: <module>
