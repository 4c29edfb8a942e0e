"""C code sleeps without giving up the GIL, another thread wants it, and a watchdog ends the process."""
import ctypes
import os
import signal
import threading
import time


def spins():
    while True:
        pass


def keeps():
    ctypes.PyDLL(None).sleep(1000)  # at: keeps


watched = os.getpid()
if os.fork() == 0:
    time.sleep(1.5)
    os.kill(watched, signal.SIGABRT)
    os._exit(0)
thread = threading.Thread(target=spins, name="spinner")
thread.daemon = True
thread.start()
time.sleep(0.2)
keeps()  # at: <module>
