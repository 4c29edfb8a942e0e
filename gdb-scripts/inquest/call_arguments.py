"""Which constants a call passes, by the code before it (x86-64). Intel SDM volume 2: LEA ``8D /r``, MOV ``B8+rd``, XOR ``31 /r``."""

from __future__ import annotations

import struct
from typing import Optional

RCX, RDX, RSI, RDI, R8, R9 = 1, 2, 6, 7, 8, 9
"""Registers of arguments (System V ABI: RDI, RSI, RDX, RCX, R8, R9), by their numbers in instructions."""

_LEA, _MOV, _XOR = 0x8D, 0xB8, 0x31
_CALL = 5
_OTHER_CALL = 0xE8


def constant_argument(code: bytes, returns: int, register: int) -> Optional[int]:
    """The address that the last ``lea disp32(%rip)``, else the last ``mov $imm32``, puts into ``register``.

    ``code`` are the bytes before the return address ``returns``; the call itself are the last five of them. None where another call
    may stand behind the instruction: the address was that one's then; and where the register is set to 0 behind it.
    """
    lea = bytes((0x48 | (register > 7) << 2, _LEA, 0x05 | (register & 7) << 3))
    at = code.rfind(lea, 0, len(code) - _CALL - 4)
    if at >= 0 and _is_last(code, at + 7, register):
        (displacement,) = struct.unpack_from("<i", code, at + 3)
        return returns - len(code) + at + 7 + displacement
    return constant_number(code, returns, register)


def constant_number(code: bytes, returns: int, register: int) -> Optional[int]:
    """The number that the last ``mov $imm32`` puts into ``register``."""
    move = bytes((0x41,)) * (register > 7) + bytes((_MOV | register & 7,))
    at = code.rfind(move, 0, len(code) - _CALL - 4)
    end = at + len(move) + 4
    # Behind a prefix it is another register's, or a number of 64 bits.
    if at < 0 or (register < 8 and at > 0 and code[at - 1] & 0xF0 == 0x40) or not _is_last(code, end, register):
        return None
    return struct.unpack_from("<I", code, end - 4)[0]


def _is_last(code: bytes, end: int, register: int) -> bool:
    """No other call, and no ``xor`` of the register with itself, behind the instruction."""
    zero = bytes((0x45,)) * (register > 7) + bytes((_XOR, 0xC0 | (register & 7) << 3 | register & 7))
    return _OTHER_CALL not in code[end:-_CALL] and zero not in code[end:-_CALL]
