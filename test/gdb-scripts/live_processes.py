"""Runs ``fixtures/values.py`` under an interpreter and reads its memory while it stands still: quicker than a core, and as true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "..", "gdb-scripts"))

from interpreters import Python  # noqa: E402

from inquest.layout.model import Layouts  # noqa: E402
from inquest.memory import MemoryFault  # noqa: E402

PROGRAM = os.path.join(_HERE, "fixtures", "values.py")


class ProcessMemory:
    """The memory of a process of ours, as ``/proc/PID/mem`` gives it."""

    pointer_size = 8
    byte_order = "little"

    def __init__(self, pid: int) -> None:
        self._file = open("/proc/%d/mem" % pid, "rb", 0)

    def read(self, address: int, size: int) -> bytes:
        try:
            data = os.pread(self._file.fileno(), size, address)
        except (OSError, OverflowError):
            raise MemoryFault(address, size) from None
        if len(data) != size:
            raise MemoryFault(address, size)
        return data

    def close(self) -> None:
        self._file.close()


class Expected(NamedTuple):
    """``how``: ``exact``, ``start`` (a long repr), ``instance`` (CPython's default repr, then our attributes)."""

    how: str
    label: str
    address: int
    text: str


class Live(NamedTuple):
    memory: ProcessMemory
    layouts: Layouts
    expected: List[Expected]
    process: subprocess.Popen

    def address(self, label: str) -> int:
        """Where the value of that label is."""
        return next(expected.address for expected in self.expected if expected.label == label)


def program() -> str:
    with open(PROGRAM, encoding="utf-8") as source:
        return source.read()


def parse_expected(lines: Iterator[str]) -> List[Expected]:
    found = []
    for line in lines:
        if line.strip() == "ready":
            return found
        found.append(Expected(*json.loads(line)))
    raise AssertionError("the program of values ended early")


@contextmanager
def live_values(python: Python) -> Iterator[Live]:
    """The process with all its values made, standing still."""
    layouts = python.layouts()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("VALUES_")}
    process = subprocess.Popen(
        python.command("-c", program()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        env=environment,
    )
    assert process.stdout is not None
    try:
        expected = parse_expected(iter(process.stdout))
        memory = ProcessMemory(process.pid)
        try:
            yield Live(memory, layouts, expected, process)
        finally:
            memory.close()
    finally:
        process.kill()
        process.communicate()


def attributes_told(live: Live) -> Dict[str, Dict[str, str]]:
    """Lets the process go on: what it says of its instances' attributes."""
    assert live.process.stdin is not None and live.process.stdout is not None
    live.process.stdin.write("\n")
    live.process.stdin.flush()
    return dict(json.loads(line) for line in live.process.stdout)
