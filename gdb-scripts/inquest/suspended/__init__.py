"""Work that no thread runs at the moment: asyncio tasks, pending generators, greenlets (``Suspended`` of services/contract/report.ts)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from ..frames.chain import Chain
from ..frames.describe import LocalsAllowance
from ..frames.image import Image
from .greenlets import greenlets
from .pending import pending_generators
from .tasks import tasks

_MOST_LOCALS = 10_000


def suspended_work(image: Image, runtime: Any, states: Sequence[Any], chains: Mapping[int, Chain], most_frames: int) -> List[Dict[str, Any]]:
    """All of it: tasks first, then generators and coroutines that frames on the stacks hold, then greenlets."""
    allowance = LocalsAllowance(_MOST_LOCALS)
    seen: "set[int]" = set()
    found = tasks(image, runtime, states, chains, most_frames, allowance, seen)
    found += pending_generators(image, chains, most_frames, allowance, seen)
    found += greenlets(image, runtime, chains, most_frames, allowance)
    return found
