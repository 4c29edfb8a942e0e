"""Tells a return address by the code before it (x86-64). Intel SDM volume 2, CALL: opcodes ``E8`` and ``FF /2``."""

from __future__ import annotations


def follows_call(code: bytes) -> bool:
    """Whether the bytes before a return address end in a call of x86-64: ``E8 rel32``, or ``FF /2`` with any addressing, REX or not."""
    if len(code) >= 5 and code[-5] == 0xE8:
        return True
    for length, modes in ((2, (3, 0)), (3, (1, 0)), (4, (1,)), (6, (2, 0)), (7, (2, 0))):
        if len(code) < length or code[-length] != 0xFF:
            continue
        modrm = code[-length + 1]
        if (modrm >> 3) & 7 == 2 and modrm >> 6 in modes:
            return True
    return False
