"""Which frames of a long stack are shown: runs of a repeating cycle are folded, the rest is capped.

Works on keys (code and instruction of each frame), so a recursion of 100,000 frames costs no more than reading its chain.
"""

from __future__ import annotations

from typing import Hashable, List, NamedTuple, Sequence, Union

LONGEST_CYCLE = 16
# Cycles kept at the inner and the outer end of a folded run, and the least number of frames worth a fold.
_INNER_CYCLES = 2
_OUTER_CYCLES = 1
_LEAST_FOLDED = 32


class Fold(NamedTuple):
    """``cycle`` frames, ``times`` times, are left out here."""

    cycle: int
    times: int


def shown(keys: Sequence[Hashable], most: int) -> List[Union[int, Fold]]:
    """Indices of the frames to show with folds between them, innermost first; at most ``most`` frames (at least 2)."""
    return _cap(_fold_cycles(keys), max(most, 2))


def _fold_cycles(keys: Sequence[Hashable]) -> List[Union[int, Fold]]:
    out: List[Union[int, Fold]] = []
    index, total = 0, len(keys)
    while index < total:
        cycle, repeats = _run(keys, index)
        folded = repeats - _INNER_CYCLES - _OUTER_CYCLES
        if folded * cycle < _LEAST_FOLDED:
            out.append(index)
            index += 1
            continue
        inner_end = index + _INNER_CYCLES * cycle
        out.extend(range(index, inner_end))
        out.append(Fold(cycle, folded))
        index = inner_end + folded * cycle
        out.extend(range(index, index + _OUTER_CYCLES * cycle))
        index += _OUTER_CYCLES * cycle
    return out


def _run(keys: Sequence[Hashable], start: int) -> "tuple[int, int]":
    """The cycle that begins at ``start`` and covers most frames: (its length, how often it repeats)."""
    best = (1, 1)
    total = len(keys)
    key = keys[start]
    for cycle in range(1, LONGEST_CYCLE + 1):
        if start + cycle >= total or keys[start + cycle] != key:
            continue
        end = start + cycle
        while end < total and keys[end] == keys[end - cycle]:
            end += 1
        repeats = (end - start) // cycle
        if repeats * cycle > best[0] * best[1]:
            best = (cycle, repeats)
            if end == total or repeats * cycle >= _LEAST_FOLDED * 4:
                break
    return best


def _cap(items: List[Union[int, Fold]], most: int) -> List[Union[int, Fold]]:
    """Leaves out the middle: what crashed is at the inner end, how it came there at the outer one."""
    frames = [place for place, item in enumerate(items) if not isinstance(item, Fold)]
    if len(frames) <= most:
        return items
    outer = most // 4
    last_inner, first_outer = frames[most - outer - 1], frames[len(frames) - outer] if outer else len(items)
    left_out = sum(item.cycle * item.times if isinstance(item, Fold) else 1 for item in items[last_inner + 1 : first_outer])
    return [*items[: last_inner + 1], Fold(left_out, 1), *items[first_outer:]]
