"""Memory operands of one disassembled instruction, and the addresses they had when it ran. Pure text and arithmetic."""

from __future__ import annotations

import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

Register = Callable[[str], Optional[int]]
Pointer = Callable[[int], Optional[int]]

# AT&T syntax, as gdb disassembles x86 by default: %fs:0x28, -0x8(%rbp), (%rdi,%rax,8), *0x10(%rax), 0x2f(%rip), 0x8, %ds:0x8.
_X86 = re.compile(r"(?P<constant>\$)?(?:%(?P<segment>[fg]s):)?(?P<displacement>-?0x[0-9a-f]+|-?\d+)?(?:\((?P<base>%\w+)?(?:,(?P<index>%\w+)(?:,(?P<scale>[1248]))?)?\))?")
# [x0], [x0, #8], [x0, x1], [x0, x1, lsl #3], [x0, #-16]!
_ARM = re.compile(r"\[(?P<base>\w+)(?:, (?:#(?P<displacement>-?(?:0x[0-9a-f]+|\d+))|(?P<index>\w+)(?:, (?:lsl|uxtw|sxtw) #(?P<shift>\d+))?))?\]")

# The processor faults at the instruction itself where the target can be no address, so that the pc does not tell it.
_BRANCH = re.compile(r"(?:(?:rep[zn]*|bnd|notrack) )*(?:(?P<back>ret)[lq]?\b|(?:call|jmp)[lq]?\s+\*(?:%(?P<register>\w+)$)?)")

_DIVISION = re.compile(r"i?div(?P<width>[bwlq])\s+(?!%\w+$)")
_WIDTHS = {"b": 1, "w": 2, "l": 4, "q": 8}

# Instructions that only compute with an operand's address, or ignore it.
_NO_ACCESS = ("lea", "nop", "prefetch", "call", "jmp")
# What stands alone behind these is where they lead.
_BRANCHES = ("j", "call", "loop", "xbegin", "lcall", "ljmp")


class Operand(NamedTuple):
    """``address`` is None when a register of it is not known."""

    text: str
    address: Optional[int]


def memory_operands(instruction: str, next_pc: int, bits: int, register: Register) -> List[Operand]:
    """What the instruction reads or writes in memory. ``next_pc`` is the address behind it, what ``%rip`` stands for."""
    text = instruction.split("#", 1)[0].split("<", 1)[0].strip() if "%" in instruction or "[" not in instruction else instruction
    mask = (1 << bits) - 1
    if "[" in text:
        return [_arm(match, mask, register) for match in _ARM.finditer(text)]
    words = text.split(None, 1)
    if len(words) < 2:
        return []
    indirect = words[1].startswith("*")
    if words[0].startswith(_NO_ACCESS) and not indirect:
        return []
    found: List[Operand] = []
    absolute = not words[0].startswith(_BRANCHES) or indirect
    for match in _X86.finditer(words[1]):
        if match.group("constant") or match.end() == match.start():
            continue
        if match.group("base") or match.group("index") or match.group("segment") or (absolute and _alone(match, words[1])):
            found.append(_x86(match, next_pc, mask, register))
    return found


def _alone(match: "re.Match[str]", text: str) -> bool:
    """Whether the number is an operand by itself: an absolute address, not a part of a name or of a register."""
    before, behind = text[: match.start()], text[match.end() :]
    return match.group("displacement") is not None and (not before or before[-1] in ",*:") and (not behind or behind[0] == ",")


def divisor_in_memory(instruction: str, operands: Sequence[Operand]) -> Optional[Tuple[int, int]]:
    """Address and width in bytes of what an x86 division divides by; None where that is a register, or not known."""
    match = _DIVISION.match(instruction.strip())
    if match is None or len(operands) != 1 or operands[0].address is None:
        return None
    return operands[0].address, _WIDTHS[match.group("width")]


def branch_target(instruction: str, operands: Sequence[Operand], register: Register, pointer: Pointer) -> Optional[int]:
    """Where an indirect call, an indirect jump or a return of x86 leads; None for any other instruction. ``pointer`` reads one from memory."""
    match = _BRANCH.match(instruction.strip())
    if match is None:
        return None
    if match.group("register"):
        return register(match.group("register"))
    if match.group("back"):
        at = register("rsp")
    else:
        at = operands[0].address if len(operands) == 1 else None
    return None if at is None else pointer(at)


def _number(text: Optional[str]) -> int:
    return int(text, 16 if "x" in text else 10) if text else 0


def _sum(parts: List[Optional[int]], mask: int) -> Optional[int]:
    total = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total & mask


def _x86(match: "re.Match[str]", next_pc: int, mask: int, register: Register) -> Operand:
    parts: List[Optional[int]] = [_number(match.group("displacement"))]
    base, index, segment = match.group("base"), match.group("index"), match.group("segment")
    if base in ("%rip", "%eip"):
        parts.append(next_pc)
    elif base:
        parts.append(register(base[1:]))
    if index and index not in ("%riz", "%eiz"):
        value = register(index[1:])
        parts.append(None if value is None else value * int(match.group("scale") or "1"))
    if segment:
        parts.append(register(segment + "_base"))
    return Operand(match.group(0), _sum(parts, mask))


def _arm(match: "re.Match[str]", mask: int, register: Register) -> Operand:
    parts: List[Optional[int]] = [_number(match.group("displacement")), register(match.group("base"))]
    if match.group("index"):
        value = register(match.group("index"))
        parts.append(None if value is None else value << _number(match.group("shift")))
    return Operand(match.group(0), _sum(parts, mask))
