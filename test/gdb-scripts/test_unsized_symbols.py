"""Names from symbols that tell no size."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.unsized_symbols import runs_on_to  # noqa: E402


def rows(*texts, start=0x1000):
    return [(start + 4 * index, 4, text) for index, text in enumerate(texts)]


class Reaching(unittest.TestCase):
    def test_a_function_reaches_what_stands_before_its_return(self):
        self.assertTrue(runs_on_to(rows("movzbl %sil,%esi", "mov    %rsi,(%rdi)", "ret"), 0x1008))

    def test_what_stands_behind_its_return_is_another(self):
        self.assertFalse(runs_on_to(rows("xor    %eax,%eax", "ret", "nop", "mov    $0xf,%rax"), 0x100C))
        self.assertFalse(runs_on_to(rows("xor    %eax,%eax", "jmp    0x8000", "syscall"), 0x1008))
        self.assertFalse(runs_on_to(rows("hlt", "bnd jmp *0x10(%rip)", "syscall"), 0x1008))

    def test_a_jump_over_the_return_leads_there(self):
        self.assertTrue(runs_on_to(rows("test   %rdx,%rdx", "jne    0x100c", "ret", "mov    %al,(%rdi)"), 0x100C))
        self.assertTrue(runs_on_to(rows("test   %rdx,%rdx", "jne    0x1010", "repz ret", "nop", "ret", "nop"), 0x1010))
        self.assertFalse(runs_on_to(rows("test   %rdx,%rdx", "jne    0x1010", "repz ret", "nop", "ret", "nop"), 0x1014))


if __name__ == "__main__":
    unittest.main()
