"""Work that no thread runs: asyncio tasks, pending generators, greenlets."""

from __future__ import annotations

from typing import Any, Dict, List


def suspended_work(image: Any, runtime: Any, core: Any, states: Any, chains: Any, most: int) -> List[Dict[str, Any]]:
    return []
