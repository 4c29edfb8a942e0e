"""A local's ob_type is overwritten, then the process crashes elsewhere."""
import ctypes


class Victim(object):
    pass


def overwrite():
    healthy = [1, 2, 3]
    victim = Victim()
    another = {"still": "readable"}
    base = object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)
    ctypes.c_void_p.from_address(id(victim) + base).value = 0x4141414141414141
    ctypes.string_at(0)  # at: overwrite


overwrite()  # at: <module>
