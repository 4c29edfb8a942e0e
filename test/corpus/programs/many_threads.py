"""A thousand threads wait; one crashes."""
import ctypes
import threading

event = threading.Event()
threading.stack_size(128 * 1024)
started = threading.Semaphore(0)


def waits(number):
    started.release()
    event.wait()  # at: waits


def crash():
    ctypes.string_at(0)  # at: crash


for number in range(1000):
    thread = threading.Thread(target=waits, args=(number,), name="waiter-%d" % number)
    thread.daemon = True
    thread.start()
for number in range(1000):
    started.acquire()
crash()  # at: <module>
