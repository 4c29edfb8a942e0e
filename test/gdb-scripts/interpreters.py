"""The interpreters that the tests of frames run against.

``INQUEST_TEST_PYTHONS`` (commands' paths, separated by colons) replaces those found on the machine.
"""

from __future__ import annotations

import os
import sys
from typing import List

from dead_processes import interpreters


def pythons() -> List[str]:
    """Paths of executables, each once; at least the one that runs the tests."""
    named = [path for path in os.environ.get("INQUEST_TEST_PYTHONS", "").split(":") if path]
    return list(dict.fromkeys(named or interpreters())) or [sys.executable]
