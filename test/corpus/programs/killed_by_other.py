"""A child is sent SIGSEGV by another process: the crash is no fault of its own."""
import os
import signal
import time


def wait_to_die():
    time.sleep(1000)  # at: wait_to_die


child = os.getpid()
killer = os.fork()
if killer == 0:
    time.sleep(0.3)
    os.kill(child, signal.SIGSEGV)
    os._exit(0)
wait_to_die()  # at: <module>
