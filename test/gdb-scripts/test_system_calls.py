"""System calls by registers, and by the registers of threads that really slept."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from inquest.core_file import open_core  # noqa: E402
from inquest.memory import MemoryFault  # noqa: E402
from inquest.system_calls import described_calls, interrupted_call, system_call  # noqa: E402

RESTARTSYS = (1 << 64) - 512

_SLEEPERS = """
import os, select, threading, time
r, w = os.pipe()
lock = threading.Lock(); lock.acquire()
for work in (lambda: time.sleep(99), lambda: os.read(r, 1), lambda: lock.acquire(), lambda: select.select([], [], [], 99), lambda: select.select([r], [], [], 99)):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
os.abort()
"""


class _FakeCore:
    machine, pointer_size = "x86_64", 8

    def __init__(self, pieces: "dict[int, bytes]") -> None:
        self._pieces = pieces

    def read(self, address: int, size: int) -> bytes:
        for start, data in self._pieces.items():
            if start <= address and address + size <= start + len(data):
                return data[address - start : address - start + size]
        raise MemoryFault(address, size)


class RegistersTell(unittest.TestCase):
    def test_the_call_and_its_arguments_of_a_blocked_thread(self) -> None:
        registers = {"orig_rax": 202, "rax": RESTARTSYS, "rdi": 0x7000, "rsi": 0x189, "rdx": 2}
        call = system_call("x86_64", 8, registers)
        assert call is not None
        self.assertEqual((call.name, call.arguments), ("futex", (0x7000, 0x189, 2, None, None, None)))

    def test_nothing_of_a_thread_that_ran(self) -> None:
        self.assertIsNone(system_call("x86_64", 8, {"orig_rax": (1 << 64) - 1, "rax": RESTARTSYS}))
        self.assertIsNone(system_call("x86_64", 8, {"orig_rax": 234, "rax": 0}))
        self.assertIsNone(system_call("x86_64", 8, {}))
        self.assertIsNone(system_call("m68k", 4, {"d0": 1}))

    def test_a_timed_futex_whose_time_is_just_up_is_still_one(self) -> None:
        timed_out = (1 << 64) - 110
        call = system_call("x86_64", 8, {"orig_rax": 202, "rax": timed_out, "rdi": 0x7000})
        self.assertEqual(call and call.name, "futex")
        self.assertIsNone(system_call("x86_64", 8, {"orig_rax": 7, "rax": timed_out}))

    def test_the_number_that_a_cancellable_call_of_glibc_leaves_on_the_stack(self) -> None:
        text, stack = 0x700000, 0x7FFF0000
        memory = bytearray(0x200)
        memory[0x100 - 7 : 0x100] = b"\x4c\x89\x5c\x24\x08\x0f\x05"
        memory[0x180 - 5 : 0x180] = b"\xe8\x01\x02\x03\x04"
        words = [text + 0x180, 1, 2, 3, 99, 230, text + 0x180, 202, 0, 0, 0, 0, 0, 0, 0, 0]
        frame = b"".join(word.to_bytes(8, "little") for word in words)
        core = _FakeCore({text: bytes(memory), stack: frame})
        registers = {"rip": text + 0x100, "rsp": stack, "rax": (1 << 64) - 4, "rdi": 0x7000}
        call = interrupted_call(core, registers)
        assert call is not None
        self.assertEqual((call.name, call.arguments[0]), ("futex", 0x7000))
        words[6] = 5
        damaged = _FakeCore({text: bytes(memory), stack: b"".join(word.to_bytes(8, "little") for word in words)})
        self.assertIsNone(interrupted_call(damaged, registers))
        self.assertIsNone(interrupted_call(_FakeCore({text: bytes(memory)}), registers))

    def test_what_aarch64_keeps(self) -> None:
        call = system_call("aarch64", 8, {"x8": 115, "x0": (1 << 64) - 516, "x1": 1})
        assert call is not None
        self.assertEqual((call.name, call.arguments[:2]), ("clock_nanosleep", (None, 1)))

    def test_32_bit_registers_are_signed_in_their_own_width(self) -> None:
        call = system_call("i386", 4, {"orig_eax": 240, "eax": (1 << 32) - 512, "ebx": 0x8000})
        assert call is not None
        self.assertEqual((call.name, call.arguments[0]), ("futex", 0x8000))


def _kernel_core(folder: str) -> "str | None":
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as pattern:
        told = pattern.read().strip()
    gcore = shutil.which("gdb")
    if (told.startswith("|") or "/" in told) and gcore is None:
        return None
    if told.startswith("|") or "/" in told:
        command = [gcore or "", "-nx", "-batch", "-ex", "run", "-ex", "generate-core-file core", "-ex", "kill", "--args", sys.executable, "-c", _SLEEPERS]
    else:
        command = ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", sys.executable, "-c", _SLEEPERS]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    found = [name for name in os.listdir(folder) if name.startswith("core")]
    return os.path.join(folder, found[0]) if found else None


class ACoreTells(unittest.TestCase):
    def test_what_each_thread_of_a_real_process_was_blocked_in(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            core = _kernel_core(folder)
            assert core is not None, "no core was written"
            with open_core({"core": core, "modules": []}) as memory:
                calls = described_calls(memory, [])
        names = [call["name"] for call in calls]
        self.assertEqual(len(names), 5)
        self.assertIn("read", names)
        self.assertIn("futex", names)
        # time.sleep is clock_nanosleep from 3.11 on, select(0, …) before; select.select is select or pselect6.
        counts = [call["arguments"][0] for call in calls if call["name"] in ("select", "pselect6")]
        self.assertIn("0x0", counts)
        self.assertTrue(any(count != "0x0" for count in counts))


if __name__ == "__main__":
    unittest.main()
