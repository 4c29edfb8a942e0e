"""Threads that wait for everything that can be waited for, and none for each other; to be cored from outside."""
import sys
import threading
import time

try:
    import queue
except ImportError:
    import Queue as queue

lock, recursive, released = threading.Lock(), threading.RLock(), threading.Lock()
condition, event, semaphore, items = threading.Condition(), threading.Event(), threading.Semaphore(0), queue.Queue()


def holder():
    with lock:
        with recursive:
            time.sleep(1000)


def for_lock():
    with lock:
        pass


def for_rlock():
    with recursive:
        pass


def for_released():
    """The main thread was inside a with of it, and has taken it again by other means."""
    released.acquire()


def for_condition():
    with condition:
        condition.wait()


def for_event():
    event.wait()


def for_semaphore():
    with semaphore:
        pass


def for_queue():
    items.get()


def for_thread():
    first.join()


def for_a_while():
    event.wait(1000)


with released:
    pass
released.acquire()
first = threading.Thread(target=holder, name="holder")
first.start()
time.sleep(0.3)
waiting = (for_lock, for_rlock, for_released, for_condition, for_event, for_semaphore, for_queue, for_thread, for_a_while)
for target in waiting if sys.version_info[0] > 2 else waiting[:-1] + (lambda: None,):
    threading.Thread(target=target, name=target.__name__).start()
time.sleep(0.5)
sys.stdout.write("ready\n")
sys.stdout.flush()
time.sleep(1000)  # at: <module>
