"""What a gdb that waits for its job spends on imports."""

import os
import subprocess
import sys
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gdb-scripts")
DEAR = ("decimal", "ipaddress", "pathlib", "uuid")


class Imports(unittest.TestCase):
    def test_modules_that_few_values_need_come_with_the_first_of_them(self):
        code = "import sys; sys.path.insert(0, %r); import inquest.report; print([name for name in %r if name in sys.modules])" % (SCRIPTS, DEAR)
        # Without site: what it imports is the host's affair.
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout.decode().strip(), "[]")


if __name__ == "__main__":
    unittest.main()
