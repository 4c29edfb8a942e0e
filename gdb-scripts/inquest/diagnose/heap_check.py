"""The whole heap verified, when the job's options ask for it and the debug hooks were on."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ..heap.block_owner import BlockOwners
from ..heap.debug_heap import check_heap
from ..heap.places import thread_stacks
from .crash_place import crash_place
from .debug_blocks import hooks_on

_MOST_OWNERS = 5
# An interpreter with the hooks on has made thousands of blocks before its program begins.
_LEAST_BLOCKS = 1_000


def heap_check(context: Any) -> Optional[Dict[str, Any]]:
    """As ``check_heap``, with the owners of the first damaged blocks; None when it was not asked for, or the hooks were off."""
    if not context.manifest.get("options", {}).get("heap_check") or hooks_on(context) is False:
        return None
    told = check_heap(context, thread_stacks(context.core, crash_place(context)[1]))
    if hooks_on(context) is None and told["blocks"] < _LEAST_BLOCKS:
        return None
    owners = BlockOwners(context)
    for block in told["damaged"][:_MOST_OWNERS]:
        block["owner"] = owners.owner(int(block["address"], 16))
        block["allocated_at"] = context.traces.lookup(int(block["address"], 16)) if context.traces is not None else None
    return told
