"""Names of symbols, with a demangler that stands in for gdb's."""

import importlib
import os
import sys
import types
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts"))

KNOWN = {
    "demangle -l c++ -- _ZSt9terminatev": "std::terminate()\n",
    "demangle -l c++ -- _RNvC6sample4main": "sample::main\n",
    "demangle -l d -- _D6sample4mainFZv": "void sample.main()\n",
}


class Error(Exception):
    pass


class Names(unittest.TestCase):
    def setUp(self):
        self.asked = []
        gdb = types.SimpleNamespace(execute=self.execute, error=Error)
        with mock.patch.dict(sys.modules, gdb=gdb):
            sys.modules.pop("inquest.native_names", None)
            self.names = importlib.import_module("inquest.native_names")
        self.addCleanup(sys.modules.pop, "inquest.native_names", None)

    def execute(self, command, to_string):
        self.asked.append(command)
        if command not in KNOWN:
            raise Error("Can't demangle")
        return KNOWN[command]

    def test_mangled_ones_are_told_as_their_languages_have_them(self):
        self.assertEqual(self.names.demangled("_ZSt9terminatev"), "std::terminate()")
        self.assertEqual(self.names.demangled("_RNvC6sample4main"), "sample::main")
        self.assertEqual(self.names.demangled("_D6sample4mainFZv"), "void sample.main()")

    def test_others_stay_and_most_of_them_are_not_asked_for(self):
        for name in ("_PyEval_EvalFrameDefault", "main", "std::terminate()", "_Zoo", "_DYNAMIC"):
            self.assertEqual(self.names.demangled(name), name)
        self.assertEqual(len(self.asked), 2)

    def test_what_could_be_more_than_a_name_does_not_reach_gdb(self):
        for name in ("_Z\nshell ls", "_Z x", "_Z|ls", "_Z\u00e4", "_ZSt9terminatev\n"):
            self.assertEqual(self.names.demangled(name), name)
        self.assertEqual(self.asked, [])

    def test_a_pointer_s_text_names_what_stands_there(self):
        for text, expected in (
            ("0x7f00 <_ZSt9terminatev>", "0x7f00 <std::terminate()>"),
            ("0x7f00 <_ZSt9terminatev+4>", "0x7f00 <std::terminate()+4>"),
            ("(void (*)(void)) 0x7f00 <_ZSt9terminatev>", "(void (*)(void)) 0x7f00 <std::terminate()>"),
            ("0x7f00 <_PyRuntime+8>", "0x7f00 <_PyRuntime+8>"),
            ('0x7f00 "0x1 <_ZSt9terminatev>"', '0x7f00 "0x1 <_ZSt9terminatev>"'),
            ("17", "17"),
        ):
            self.assertEqual(self.names.with_demangled(text), expected)


if __name__ == "__main__":
    unittest.main()
