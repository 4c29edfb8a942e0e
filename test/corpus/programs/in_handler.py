"""Crashes in a Python signal handler; before, another signal's handler had returned."""
import ctypes
import os
import signal
import time


def on_usr2(number, frame):
    return number


def on_usr1(number, frame):
    ctypes.string_at(0)  # at: on_usr1


def work():
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGUSR1); time.sleep(10)  # at: work


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGUSR2, on_usr2)
work()  # at: <module>
