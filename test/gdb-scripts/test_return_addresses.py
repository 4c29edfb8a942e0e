"""A return address is told by the call before it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

from inquest.return_addresses import follows_call  # noqa: E402


class TestFollowsCall(unittest.TestCase):
    def test_every_form_of_a_call_is_known(self):
        for code, text in (
            ("90 90 90 e8 10 20 30 00", "call rel32"),
            ("90 90 90 90 90 90 ff d0", "call *%rax"),
            ("90 90 90 90 90 41 ff d4", "call *%r12"),
            ("90 90 90 90 90 90 ff 13", "call *(%rbx)"),
            ("90 90 90 90 90 ff 50 18", "call *0x18(%rax)"),
            ("90 90 90 90 ff 54 24 08", "call *0x8(%rsp)"),
            ("90 90 ff 15 10 20 30 00", "call *rel32(%rip)"),
            ("90 90 ff 90 a0 00 00 00", "call *0xa0(%rax)"),
            ("90 ff 94 24 a0 00 00 00", "call *0xa0(%rsp)"),
        ):
            self.assertTrue(follows_call(bytes.fromhex(code.replace(" ", ""))), text)

    def test_other_code_is_none(self):
        for code, text in (
            ("90 90 90 90 90 90 90 90", "nop"),
            ("90 90 90 e9 10 20 30 00", "jmp rel32"),
            ("90 90 90 90 90 90 ff e0", "jmp *%rax"),
            ("90 90 90 90 90 90 ff 30", "push (%rax)"),
            ("", "nothing"),
        ):
            self.assertFalse(follows_call(bytes.fromhex(code.replace(" ", ""))), text)


if __name__ == "__main__":
    unittest.main()
