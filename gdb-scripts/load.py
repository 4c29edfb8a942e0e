"""The one file that gdb sources: registers ``-inquest-python`` and ``-inquest-native``."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from inquest import commands  # noqa: E402

commands.register()
