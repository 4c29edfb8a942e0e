"""Threads that wait for pools, children and pipes; to be cored from outside. The children end once their parent is gone."""
import concurrent.futures
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time

CHILD = "import os, sys, time\nwhile os.getppid() == int(sys.argv[1]): time.sleep(.2)"
OWN = os.getpid()


def lives():
    while os.getppid() == OWN:
        time.sleep(0.2)


context = multiprocessing.get_context("fork")
worker = context.Process(target=lives, name="lives")
worker.start()
child = subprocess.Popen([sys.executable, "-c", CHILD, str(OWN)])
barrier, simple, few = threading.Barrier(3), queue.SimpleQueue(), threading.BoundedSemaphore(1)
results, between = context.Queue(), context.Lock()
pool = concurrent.futures.ThreadPoolExecutor(1)
slow = pool.submit(time.sleep, 1000)


def holder():
    with between:
        with few:
            time.sleep(1000)


def for_barrier():
    barrier.wait()


def for_simple_queue():
    simple.get()


def for_bounded():
    few.acquire()


def for_future():
    slow.result()


def for_shutdown():
    pool.shutdown()


def for_child():
    child.wait()


def for_process():
    worker.join()


def for_results():
    results.get()


def for_between():
    between.acquire()


threading.Thread(target=holder, name="holder").start()
time.sleep(0.3)
for target in (for_barrier, for_simple_queue, for_bounded, for_future, for_shutdown, for_child, for_process, for_results, for_between):
    threading.Thread(target=target, name=target.__name__).start()
time.sleep(0.7)
sys.stdout.write("ready\n")
sys.stdout.flush()
time.sleep(1000)  # at: <module>
