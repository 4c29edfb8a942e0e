"""The values of a real process, read through a memory that damages random words: nothing is raised, every text ends."""

from __future__ import annotations

import os
import random
import unittest
from typing import Dict, Optional

from live_processes import ProcessMemory, live_values

from inquest.memory import MemoryFault, Reader
from inquest.objects.limits import ReprLimits
from inquest.objects.values import Values
from interpreters import pythons

SEED = int(os.environ.get("INQUEST_TEST_SEED", "20240611"))


class DamagingMemory:
    """A memory in which each word is overwritten with the chance ``rate``, always with the same word."""

    pointer_size = 8
    byte_order = "little"

    def __init__(self, memory: ProcessMemory, seed: int, rate: float) -> None:
        self._memory = memory
        self._seed = seed
        self._rate = rate
        self._words: Dict[int, Optional[bytes]] = {}
        self.reads = 0

    def read(self, address: int, size: int) -> bytes:
        self.reads += 1
        data = bytearray(self._memory.read(address, size))
        for at in range(address & ~7, address + min(size, 4096), 8):
            word = self._words.get(at, b"")
            if word == b"":
                word = self._words[at] = self._damage(at)
            for index, byte in enumerate(word or b""):
                if address <= at + index < address + size:
                    data[at + index - address] = byte
        return bytes(data)

    def _damage(self, at: int) -> Optional[bytes]:
        rng = random.Random(self._seed * 1_000_003 + at)
        if rng.random() >= self._rate:
            return None
        choices = (0, (1 << 64) - 1, 0xDDDDDDDDDDDDDDDD, rng.getrandbits(64), at & ~0xFFF, 1 << 62, rng.randrange(300))
        return rng.choice(choices).to_bytes(8, "little")


class DamagedReality(unittest.TestCase):
    def test_no_value_of_any_interpreter_raises_or_grows_beyond_its_limits(self) -> None:
        limits = ReprLimits()
        for python in pythons():
            with live_values(python) as live:
                for rate in (0.003, 0.03):
                    memory = DamagingMemory(live.memory, SEED, rate)
                    values = Values(Reader(memory), live.layouts)
                    for expected in live.expected:
                        with self.subTest(python=python.path, seed=SEED, rate=rate, label=expected.label):
                            memory.reads = 0
                            text = values.repr(expected.address, limits).text
                            self.assertLess(len(text), 10 * limits.length)
                            self.assertLessEqual(memory.reads, limits.reads)
                            for reader in (values.attribute_dict, values.str_value, values.dict_items, lambda at: values.getattr_static(at, "x")):
                                try:
                                    reader(expected.address)
                                except MemoryFault:
                                    continue


if __name__ == "__main__":
    unittest.main()
