"""A worker waits for a lock, one sleeps, one reads a pipe, and the main thread crashes."""
import ctypes
import os
import threading
import time

lock = threading.Lock()
started = []


def waits_for_lock():
    started.append(1)
    lock.acquire()  # at: waits_for_lock


def sleeps():
    started.append(1)
    time.sleep(1000)  # at: sleeps


def reads(descriptor):
    started.append(1)
    os.read(descriptor, 1)  # at: reads


def crash():
    ctypes.string_at(0)  # at: crash


lock.acquire()
ends = os.pipe()
for name, target, arguments in (("locker", waits_for_lock, ()), ("sleeper", sleeps, ()), ("reader", reads, (ends[0],))):
    thread = threading.Thread(target=target, name=name, args=arguments)
    thread.daemon = True
    thread.start()
while len(started) < 3:
    time.sleep(0.01)
time.sleep(0.2)
crash()  # at: <module>
