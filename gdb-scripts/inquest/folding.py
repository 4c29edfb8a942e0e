"""Which frames of a long stack are told, and what stands for the rest. Knows only keys, so it serves any kind of frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Hashable, List, Optional, Sequence, Union

_LONGEST_CYCLE = 128


@dataclass(frozen=True)
class Fold:
    """``cycle`` frames, ``count`` times, left out in one place."""

    cycle: int
    count: int


def period(keys: Sequence[Hashable]) -> Optional[int]:
    """The smallest number of frames after which the keys repeat, all the way; None when they do not."""
    for candidate in range(1, min(_LONGEST_CYCLE, len(keys) // 2) + 1):
        if all(keys[at] == keys[at + candidate] for at in range(len(keys) - candidate)):
            return candidate
    return None


def keep_ends(keys: Sequence[Hashable], limit: int) -> List[Union[int, Fold]]:
    """Indexes of the frames to tell, innermost first, at most ``limit``, and one ``Fold`` where the middle is left out.

    The innermost half and the outermost half stay. When the middle repeats, whole cycles are left out of it and the fold says
    how long the cycle is; else the fold is one cycle as long as the gap.
    """
    total = len(keys)
    if total <= limit:
        return list(range(total))
    outer = limit // 2
    inner = limit - outer
    gap = total - limit
    cycle = period(keys[inner : total - outer])
    if cycle is not None:
        # Whole cycles: what is left of the last one is left out too, when the frames behind it go on in the same way.
        whole = -(-gap // cycle)
        if inner + whole * cycle <= total and _repeats(keys, inner, whole * cycle, cycle):
            return [*range(inner), Fold(cycle, whole), *range(inner + whole * cycle, total)]
    return [*range(inner), Fold(gap, 1), *range(total - outer, total)]


def keep_ends_around(keys: Sequence[Hashable], limit: int, gap_index: int, gap: Fold) -> List[Union[int, Fold]]:
    """The same for a stack whose frames miss ``gap`` before ``gap_index``: cycles at both sides of it join the fold until ``limit`` is
    kept, give or take a cycle at each side. A side that does not repeat stays whole up to its half, and is cut there."""
    outer = limit // 2
    inner = limit - outer
    left = gap_index
    right = gap_index
    count = gap.count
    while left - gap.cycle >= inner and _alike(keys, left - gap.cycle, gap_index, gap.cycle):
        left -= gap.cycle
        count += 1
    while len(keys) - right - gap.cycle >= outer and _alike(keys, right, gap_index, gap.cycle):
        right += gap.cycle
        count += 1
    before: List[Union[int, Fold]] = list(keep_ends(keys[:left], limit))
    after: List[Union[int, Fold]] = [item if isinstance(item, Fold) else item + right for item in keep_ends(keys[right:], limit)]
    return [*before, Fold(gap.cycle, count), *after]


def _alike(keys: Sequence[Hashable], start: int, reference: int, cycle: int) -> bool:
    """Whether the cycle at ``start`` is the one at ``reference``."""
    return list(keys[start : start + cycle]) == list(keys[reference : reference + cycle])


def _repeats(keys: Sequence[Hashable], start: int, length: int, cycle: int) -> bool:
    return all(keys[at] == keys[at + cycle] for at in range(start, start + length - cycle))
