"""C forks while other threads of Python run: the child has thread states of threads that it lacks, and crashes."""
import ctypes
import os
import threading
import time


def work():
    time.sleep(1000)


def child():
    ctypes.string_at(0)  # at: child


for _ in range(2):
    thread = threading.Thread(target=work)
    thread.daemon = True
    thread.start()
time.sleep(0.3)
if ctypes.CDLL(None).fork() == 0:
    child()  # at: <module>
os.wait()
os._exit(1)
