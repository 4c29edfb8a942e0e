"""Names of symbols as their languages have them.

To ask each symbol of a file whether it is mangled is a third of what loading costs gdb, and the answer is wanted for a few dozen. So gdb
takes them as they stand (``loadCore`` in open-gdb.ts), and those that a report tells are asked for here.
"""

from __future__ import annotations

import re
from typing import Optional

import gdb

# Rust's are a kind of C++'s for the demangler, or begin with _R. No other character comes before gdb: names are the upload's, and a line
# break would begin another command.
_MANGLED = re.compile(r"(?:_Z|_R|___Z|_GLOBAL_|(?P<d>_D))[\w.$]*", re.ASCII)
# In a value's text: behind the address that the symbol stands for, and not within a string.
_IN_VALUE = re.compile(r"^([^\"']*?0x[0-9a-f]+ <)(_[\w.$]+)")


def demangled(name: str) -> str:
    """The name itself where it is not mangled."""
    found = _MANGLED.fullmatch(name)
    if found is None:
        return name
    try:
        return (gdb.execute("demangle -l %s -- %s" % ("d" if found["d"] else "c++", name), to_string=True) or "").strip() or name
    except gdb.error:
        return name


def function_name(frame: "gdb.Frame") -> Optional[str]:
    """Of the function that runs in this frame; ``None`` where no symbol tells it."""
    name = frame.name()
    return None if name is None else demangled(name)


def with_demangled(value: str) -> str:
    """``0x7f12 <_ZSt9terminatev>`` of a pointer's text as ``0x7f12 <std::terminate()>``."""
    return _IN_VALUE.sub(lambda found: found[1] + demangled(found[2]), value, count=1)
