"""What each thread waits for and who has it, of real processes, and what must not be taken for an owner."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

from interpreters import pythons

from inquest.waits.children import shortened
from inquest.waits.with_blocks import depth_at

CYCLES = """
import os, sys, threading, time
lock, first, second = threading.Lock(), threading.RLock(), threading.RLock()
past, wrapped = threading.Lock(), threading.Condition()

class Box(object):
    def __init__(self):
        self._lock = threading.Lock()
    def take(self):
        with self._lock:
            pass

box = Box()

def one():
    with first:
        time.sleep(.3)
        with second: pass
def other():
    with second:
        time.sleep(.3)
        first.acquire()
def inside():
    for _ in range(3):
        with past: pass
    with box._lock:
        try:
            with wrapped:
                time.sleep(1000)
        finally:
            pass
def box_waiter(): box.take()
def twice():
    mine = threading.Lock()
    with mine:
        mine.acquire()
def past_waiter(): past.acquire()
def condition_waiter():
    with wrapped: pass

for target in (one, other, inside, twice):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.daemon = True
    thread.start()
time.sleep(.3)
with past: pass
past.acquire()
for target in (box_waiter, past_waiter, condition_waiter):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.daemon = True
    thread.start()
time.sleep(.5)
os.abort()
"""

MUTEXES = """
import ctypes, os, sys, threading, time
library = ctypes.CDLL(%r)

def one():
    library.take_table()
    time.sleep(.3)
    library.take_index()
def other():
    library.take_index()
    time.sleep(.3)
    library.take_table()

for target in (one, other):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.daemon = True
    thread.start()
time.sleep(.8)
os.abort()
"""
C_SOURCE = """
#include <pthread.h>
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER, index_of = PTHREAD_MUTEX_INITIALIZER;
void take_table(void) { pthread_mutex_lock(&table); }
void take_index(void) { pthread_mutex_lock(&index_of); }
/* Words of a frame that look like an object which holds the mutex's address. */
void take_beside(void *type) { void *volatile like[8] = { (void *)1, type, &table }, *volatile at = (void *)like; pthread_mutex_lock(&table); at = like[0]; }
"""
BESIDE = """
import ctypes, os, threading, time
library = ctypes.CDLL(%r)
library.take_beside.argtypes = [ctypes.py_object]
def has(): library.take_table(); time.sleep(1000)
def wants(): library.take_beside(type(os))
for target in (has, wants):
    thread = threading.Thread(target=target, name=target.__name__)
    thread.daemon = True
    thread.start()
    time.sleep(.4)
os.abort()
"""


READ_WRITE = """
import ctypes, os, threading, time
library = ctypes.CDLL(%r)
def writes(): library.take_write(); time.sleep(1000)
def reads(): library.other_read(); time.sleep(1000)
def reader(): library.take_read()
def writer(): library.take_write()
def behind_reader(): library.other_write()
def semaphore(): library.wait_items()
def condition(): library.wait_ready()
for turn in ((writes, reads), (reader, writer, behind_reader, semaphore, condition)):
    for target in turn:
        thread = threading.Thread(target=target, name=target.__name__)
        thread.daemon = True
        thread.start()
    time.sleep(.4)
os.abort()
"""
READ_WRITE_SOURCE = """
#include <pthread.h>
#include <semaphore.h>
static pthread_rwlock_t one = PTHREAD_RWLOCK_INITIALIZER, other = PTHREAD_RWLOCK_INITIALIZER;
static sem_t items;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
void take_write(void) { pthread_rwlock_wrlock(&one); }
void take_read(void) { pthread_rwlock_rdlock(&one); }
void other_write(void) { pthread_rwlock_wrlock(&other); }
void other_read(void) { pthread_rwlock_rdlock(&other); }
void wait_items(void) { sem_wait(&items); }
void wait_ready(void) { pthread_mutex_lock(&guard); for (;;) pthread_cond_wait(&ready, &guard); }
"""

POOL = """
import concurrent.futures, os, threading, time
pool = concurrent.futures.ThreadPoolExecutor(2)
pending = concurrent.futures.Future()
def outer(): time.sleep(.2); return inner.result()
def inner_work(): return waited.result()
waited = pool.submit(outer)
inner = pool.submit(inner_work)
def nobody_runs(): pending.result()
thread = threading.Thread(target=nobody_runs, name="nobody_runs")
thread.daemon = True
thread.start()
time.sleep(.6)
os.abort()
"""


class Waits(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def waits(self, python, program: str):
        death = python.die(program, self.folder)
        self.addCleanup(shutil.rmtree, death.folder, ignore_errors=True)
        answer = death.answer()
        names = {thread["lwp"]: thread["name"] for thread in answer["threads"]}
        self.assertEqual([warning for warning in answer["warnings"] if "waits" in warning["detail"]], [])
        return {names[wait["lwp"]]: {**wait, "owner": names.get(wait["owner_lwp"])} for wait in answer["facts"]["waits"]}

    def test_owners_are_those_that_the_locks_record_or_that_are_inside_a_with(self) -> None:
        for python in pythons():
            with self.subTest(python=python.path):
                waits = self.waits(python, CYCLES)
                told = {name: (wait["kind"], wait["owner"], wait["owner_known_by"]) for name, wait in waits.items()}
                self.assertEqual(told["one"], ("rlock", "other", "record"))
                self.assertEqual(told["other"], ("rlock", "one", "record"))
                self.assertEqual(told["box_waiter"], ("lock", "inside", "with_block"))
                self.assertEqual(told["twice"], ("lock", "twice", "with_block"))
                self.assertEqual(told["condition_waiter"], ("rlock", "inside", "record"))
                self.assertEqual(told["past_waiter"], ("lock", None, None), "a with block that is over proves nothing")
                self.assertEqual((waits["box_waiter"]["name"], waits["past_waiter"]["name"]), ("self._lock", "past of module __main__"))
                self.assertNotIn("inside", waits)

    def test_a_mutex_of_c_tells_its_owner(self) -> None:
        library = os.path.join(self.folder, "libtables.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-lpthread"], input=C_SOURCE.encode(), check=True)
        waits = self.waits(pythons()[0], MUTEXES % library)
        self.assertEqual({name: (wait["kind"], wait["owner"]) for name, wait in waits.items()}, {"one": ("c_mutex", "other"), "other": ("c_mutex", "one")})
        self.assertRegex(waits["one"]["name"], r"^libtables\.so\+0x[0-9a-f]+$")
        beside = self.waits(pythons()[0], BESIDE % library)
        self.assertEqual({name: (wait["kind"], wait["owner"]) for name, wait in beside.items()}, {"wants": ("c_mutex", "has")})

    def test_a_read_write_lock_tells_its_writer_and_a_semaphore_or_condition_is_none(self) -> None:
        library = os.path.join(self.folder, "libshared.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-lpthread"], input=READ_WRITE_SOURCE.encode(), check=True)
        waits = self.waits(pythons()[0], READ_WRITE % library)
        self.assertEqual(
            {name: (wait["kind"], wait["owner"], wait["owner_known_by"]) for name, wait in waits.items()},
            {"reader": ("c_rwlock", "writes", "record"), "writer": ("c_rwlock", "writes", "record"), "behind_reader": ("c_rwlock", None, None)},
        )
        self.assertRegex(waits["reader"]["name"], r"^libshared\.so\+0x[0-9a-f]+$")

    def test_a_future_is_owed_by_the_thread_that_runs_it(self) -> None:
        for python in pythons():
            if python.version[0] == 2:
                continue
            with self.subTest(python=python.path):
                waits = self.waits(python, POOL)
                self.assertEqual(waits["nobody_runs"]["owner_lwp"], None)
                pool = {wait["lwp"]: wait["owner_lwp"] for wait in waits.values() if wait["kind"] == "future" and wait["owner_known_by"] == "record"}
                self.assertEqual(len(pool), 2)
                self.assertEqual([pool[owner] for owner in pool.values()], list(pool))


class Children(unittest.TestCase):
    def test_a_command_is_told_in_one_line_and_cut(self) -> None:
        self.assertEqual(shortened("sleep\n 10"), "sleep 10")
        self.assertEqual((len(shortened("x" * 500) or ""), shortened("")), (120, None))


class ExceptionTables(unittest.TestCase):
    def test_bytes_that_are_no_table_give_no_depth(self) -> None:
        self.assertEqual(depth_at(b"", 0), 0)
        self.assertEqual(depth_at(b"\xff" * 50, 3), 0)

    def test_every_instruction_has_the_depth_of_its_handler(self) -> None:
        # Units 4 to 9, depth 2 below the handler; then units 100 to 163, depth 1, in two bytes each.
        table = bytes((0x80 | 4, 6, 50, 2 << 1, 0x80 | 0x40 | 1, 36, 0x40 | 1, 0, 0x40 | 3, 5, 1 << 1))
        self.assertEqual([depth_at(table, unit) for unit in (3, 4, 9, 10, 99, 100, 163, 164)], [0, 2, 2, 0, 0, 1, 1, 0])


if __name__ == "__main__":
    unittest.main()
