"""Threads whose stack was not read when the core was written: a debugger leaves zeros there.

gdb up to 13 gives up a whole mapping at its first page that cannot be read, and the C library's threads have such guard pages inside
their stacks' mappings from glibc 2.42 on (``madvise`` with ``MADV_GUARD_INSTALL``).
"""

from __future__ import annotations

from typing import Any, List

from .memory import MemoryFault

# A frame that calls has its return address on the stack, and a page of frames is never empty.
_LOOKED_AT = 1024


def zeroed_stacks(core: Any) -> List[int]:
    """LWPs, in the core's order."""
    return [lwp for lwp in core.lwps if _is_zeroed(core, lwp)]


def _is_zeroed(core: Any, lwp: int) -> bool:
    sp = core.sp(lwp)
    if sp is None:
        return False
    try:
        return not any(core.read(sp, _LOOKED_AT))
    except MemoryFault:
        return False
