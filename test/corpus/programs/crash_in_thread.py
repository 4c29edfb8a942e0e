"""The main thread joins; a named thread crashes."""
import ctypes
import threading


def victim(number):
    label = "job-%d" % number
    ctypes.string_at(0)  # at: victim


thread = threading.Thread(target=victim, args=(7,), name="crasher")
thread.start()
thread.join()  # at: <module>
