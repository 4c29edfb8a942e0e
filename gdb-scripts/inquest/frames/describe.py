"""Frames as the answer tells them (``HelperPythonFrame`` and ``FoldedFrames`` of workers/pipeline/helper-answer.ts)."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ..objects.limits import ReprLimits
from ..objects.values import DEFAULT_LIMITS
from .chain import Chain, RawFrame
from .code import place, read_code
from .defined_as import defined_as
from .fold import Fold, shown
from .image import Image
from .local_variables import local_variables


# From the point on where a report has many local variables, each is told in brief.
_AT_LENGTH = 2_000
_BRIEF = ReprLimits(depth=2, items=6, string=80, length=160, int_bits=512, reads=400, bytes=1 << 16)


class LocalsAllowance:
    """How many more local variables one report may describe, and at what length; a thousand threads must not cost minutes."""

    def __init__(self, most: int = 20_000) -> None:
        self.left = most
        self.taken = 0
        self.refused = False

    @property
    def limits(self) -> ReprLimits:
        return DEFAULT_LIMITS if self.taken < _AT_LENGTH else _BRIEF

    def open(self) -> bool:
        """Whether another frame may show its variables."""
        self.refused = self.refused or self.left <= 0
        return self.left > 0

    def take(self, number: int) -> None:
        self.left -= number
        self.taken += number


def describe_chain(image: Image, chain: Chain, most: int, allowance: LocalsAllowance) -> List[Dict[str, Any]]:
    """The frames that are shown, innermost first."""
    keys = [(frame.code, frame.offset) for frame in chain.frames]
    out: List[Dict[str, Any]] = []
    for item in shown(keys, most):
        if isinstance(item, Fold):
            out.append({"kind": "folded", "cycle": item.cycle, "count": item.times})
        else:
            out.append(describe_frame(image, chain.frames[item], allowance))
    return out


def describe_frame(image: Image, frame: RawFrame, allowance: Optional[LocalsAllowance]) -> Dict[str, Any]:
    """One frame; without its locals when ``allowance`` is None or spent."""
    code = read_code(image, frame.code)
    found = place(image, code, frame.offset) if frame.offset is not None else None
    variables: List[Dict[str, Any]] = []
    whole = code.intact and frame.offset is not None
    if allowance is not None and allowance.open():
        variables, readable = local_variables(image, frame, code, allowance.limits)
        allowance.take(len(variables))
        whole = whole and readable
    return {
        "kind": "python",
        "function": code.name,
        "qualname": code.qualname,
        "defined_as": defined_as(image, frame, code),
        "file": code.filename,
        "line": found.line if found else None,
        "end_line": found.end_line if found else None,
        "column": found.column if found else None,
        "end_column": found.end_column if found else None,
        "source_line": None,
        "locals": variables,
        "entry": frame.entry,
        "status": "ok" if whole else "partial",
        "address": "0x%x" % frame.address,
        "anchor": "0x%x" % frame.anchor if frame.anchor else None,
    }
