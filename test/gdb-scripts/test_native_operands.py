"""What an instruction touches."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "gdb-scripts"))

from inquest.operands import branch_target, divisor_in_memory, memory_operands  # noqa: E402

X86 = {"rdi": 0x1000, "rax": 0x10, "rbp": 0x7FFF0000, "fs_base": 0x7F0000000000, "rsi": 0}
ARM = {"x0": 0x4000, "x1": 2, "sp": 0x9000}


def operands(text, registers, bits=64):
    return [(operand.text, operand.address) for operand in memory_operands(text, 0x500, bits, registers.get)]


class Operands(unittest.TestCase):
    def test_x86(self):
        for text, expected in (
            ("mov    (%rdi),%eax", [("(%rdi)", 0x1000)]),
            ("mov    -0x8(%rbp),%rax", [("-0x8(%rbp)", 0x7FFEFFF8)]),
            ("movzbl 0x20(%rdi,%rax,4),%ecx", [("0x20(%rdi,%rax,4)", 0x1060)]),
            ("mov    0x0(,%rax,8),%rdx", [("0x0(,%rax,8)", 0x80)]),
            ("mov    %fs:0x28,%rax", [("%fs:0x28", 0x7F0000000028)]),
            ("mov    0x2f(%rip),%rax        # 0x52f <thing>", [("0x2f(%rip)", 0x52F)]),
            ("call   *0x10(%rax)", [("*0x10(%rax)"[1:], 0x20)]),
            ("jmp    *(%rdi)", [("(%rdi)", 0x1000)]),
            ("vpcmpeqb (%rsi),%ymm0,%ymm1", [("(%rsi)", 0)]),
            ("rep movsb %ds:(%rsi),%es:(%rdi)", [("(%rsi)", 0), ("(%rdi)", 0x1000)]),
            ("mov    (%rbx),%eax", [("(%rbx)", None)]),
            ("movl   $0x1,0x8", [("0x8", 8)]),
            ("mov    0x10,%rax", [("0x10", 0x10)]),
            ("mov    %ds:0x8,%eax", [("0x8", 8)]),
            ("call   *0x10", [("0x10", 0x10)]),
            ("je     0x401000 <main>", []),
            ("imul   $0xa,%rax,%rcx", []),
            ("fld    %st(1)", []),
            ("push   $0x5", []),
            ("lea    0x8(%rdi),%rax", []),
            ("nopw   0x0(%rax,%rax,1)", []),
            ("call   0x401000 <main>", []),
            ("mov    $0x5,%eax", []),
            ("ret", []),
            ("", []),
        ):
            with self.subTest(text):
                self.assertEqual(operands(text, X86), expected)

    def test_where_a_branch_leads(self):
        memory = {0x7FFF0000: 0x4141, 0x20: 0x5555}
        registers = {**X86, "rsp": 0x7FFF0000}
        for text, expected in (
            ("ret", 0x4141),
            ("repz ret", 0x4141),
            ("call   *%rax", 0x10),
            ("notrack jmp *%rdi", 0x1000),
            ("call   *0x10(%rax)", 0x5555),
            ("call   *0x18(%rax)", None),
            ("jmp    0x401000 <main>", None),
            ("mov    (%rdi),%eax", None),
            ("retract", None),
        ):
            with self.subTest(text):
                found = memory_operands(text, 0x500, 64, registers.get)
                self.assertEqual(branch_target(text, found, registers.get, memory.get), expected)

    def test_a_divisor_in_memory(self):
        for text, expected in (
            ("idivl  0x4(%rdi)", (0x1004, 4)),
            ("divq   -0x8(%rbp)", (0x7FFEFFF8, 8)),
            ("divb   0x10", (0x10, 1)),
            ("idivl  (%rbx)", None),
            ("idiv   %ecx", None),
            ("divq   %rcx", None),
            ("divss  (%rdi),%xmm0", None),
            ("imull  (%rdi)", None),
        ):
            with self.subTest(text):
                self.assertEqual(divisor_in_memory(text, memory_operands(text, 0x500, 64, X86.get)), expected)

    def test_aarch64(self):
        for text, expected in (
            ("ldr x2, [x0]", 0x4000),
            ("ldr x2, [x0, #8]", 0x4008),
            ("str w1, [sp, #-16]!", 0x8FF0),
            ("ldr x2, [x0, x1, lsl #3]", 0x4010),
            ("ldrb w2, [x0, x1]", 0x4002),
        ):
            with self.subTest(text):
                self.assertEqual([address for _, address in operands(text, ARM)], [expected])

    def test_addresses_wrap_at_the_machine_word(self):
        self.assertEqual(operands("mov -0x8(%rsi),%eax", X86), [("-0x8(%rsi)", (1 << 64) - 8)])
        self.assertEqual(operands("mov -0x8(%rsi),%eax", X86, 32), [("-0x8(%rsi)", (1 << 32) - 8)])

    def test_a_leading_zero_is_no_octal(self):
        self.assertEqual(operands("mov 010(%rsi),%eax", {"rsi": 0x1000}), [("010(%rsi)", 0x100A)])

    def test_any_text_is_answered(self):
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        for _ in range(3000):
            text = "".join(chance.choice("mov %r()[]x0#,*:-1f$ <>!") for _ in range(chance.randrange(40)))
            for operand in memory_operands(text, 0, 64, X86.get):
                self.assertTrue(operand.address is None or 0 <= operand.address < 1 << 64, "seed %d: %r" % (seed, text))


if __name__ == "__main__":
    unittest.main()
