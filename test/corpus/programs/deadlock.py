"""Two threads hold a lock each and wait for the other's; to be cored from outside."""
import sys
import threading
import time

first, second = threading.Lock(), threading.RLock()


def takes_first():
    with first:
        time.sleep(0.3)
        with second:  # at: takes_first
            pass


def takes_second():
    with second:
        time.sleep(0.3)
        with first:  # at: takes_second
            pass


for target in (takes_first, takes_second):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.start()
time.sleep(0.8)
sys.stdout.write("ready\n")
sys.stdout.flush()
time.sleep(1000)  # at: <module>
