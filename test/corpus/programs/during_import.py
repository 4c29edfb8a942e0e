"""Crashes while a module is imported that is imported by another one."""
import os
import sys
import tempfile

folder = tempfile.mkdtemp()
with open(os.path.join(folder, "outer_module.py"), "w") as out:
    out.write("import inner_module\n")
with open(os.path.join(folder, "inner_module.py"), "w") as out:
    out.write("import ctypes\n\n\ndef initialise():\n    ctypes.string_at(0)\n\n\ninitialise()\n")
sys.path.insert(0, folder)
import outer_module  # at: <module>
