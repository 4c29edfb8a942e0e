"""Which constant address a call passes, by the code before it (x86-64). Intel SDM volume 2: LEA ``8D /r``, MOV ``B8+rd``."""

from __future__ import annotations

import struct
from typing import Optional

RSI, RDI = 6, 7
"""Registers of the second and the first argument (System V ABI), by their numbers in instructions."""

_REX_W, _LEA, _MOV = 0x48, 0x8D, 0xB8
_CALL = 5
_OTHER_CALL = 0xE8


def constant_argument(code: bytes, returns: int, register: int) -> Optional[int]:
    """The address that the last ``lea disp32(%rip)``, else the last ``mov $imm32``, puts into ``register``.

    ``code`` are the bytes before the return address ``returns``; the call itself are the last five of them. None where another call
    may stand behind the instruction: the address was that one's then.
    """
    lea = bytes((_REX_W, _LEA, 0x05 | register << 3))
    at = code.rfind(lea, 0, len(code) - _CALL - 4)
    if at >= 0 and _OTHER_CALL not in code[at + 7 : -_CALL]:
        (displacement,) = struct.unpack_from("<i", code, at + 3)
        return returns - len(code) + at + 7 + displacement
    at = code.rfind(bytes((_MOV | register,)), 0, len(code) - _CALL - 4)
    return struct.unpack_from("<I", code, at + 1)[0] if at >= 0 and _OTHER_CALL not in code[at + 5 : -_CALL] else None
