"""Work that no thread runs at the moment: asyncio tasks, pending generators, greenlets (``Suspended`` of services/contract/report.ts)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ..frames.chain import Chain
from ..frames.describe import LocalsAllowance
from ..frames.image import Image
from ..heap.gc_lists import Symbol, gc_lists
from .greenlets import greenlets
from .pending import pending_generators
from .tasks import tasks

_MOST_LOCALS = 10_000


def suspended_work(
    image: Image, runtime: Any, states: Sequence[Any], chains: Mapping[int, Chain], most_frames: int, symbol: Symbol
) -> List[Dict[str, Any]]:
    """All of it: tasks first, then generators and coroutines that frames on the stacks hold, then greenlets."""
    lists = gc_lists(image, runtime, runtime.interpreters, symbol)
    allowance = LocalsAllowance(_MOST_LOCALS)
    seen: "set[int]" = set()
    found = tasks(image, runtime, states, chains, lists, most_frames, allowance, seen)
    found += pending_generators(image, chains, most_frames, allowance, seen)
    found += greenlets(image, runtime, chains, lists, most_frames, allowance)
    return found
