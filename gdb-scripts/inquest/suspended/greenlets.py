"""Greenlets, where the module is loaded."""

from __future__ import annotations

from typing import Any, Dict, List

from ..frames.describe import LocalsAllowance
from ..frames.image import Image


def greenlets(image: Image, runtime: Any, most_frames: int, allowance: LocalsAllowance) -> List[Dict[str, Any]]:
    return []
