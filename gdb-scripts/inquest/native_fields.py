"""Which field a null pointer was to lead to: where DWARF tells the variables of the faulting function."""

from __future__ import annotations

from typing import Any, List, Optional

import gdb

_MOST_SYMBOLS = 64
_DEPTH = 4


def null_field(frame: "gdb.Frame", address: int) -> Optional[str]:
    """``tp->tp_name`` when exactly one pointer of the function is null (or the start that explains ``address``); else None.

    Only pointers to structs count, and only a value of 0: any other is no null pointer.
    """
    found: List[str] = []
    try:
        block = frame.block()
    except (RuntimeError, gdb.error):
        return None
    seen = 0
    while block is not None:
        for symbol in block:
            seen += 1
            if seen > _MOST_SYMBOLS:
                return None
            if symbol.is_variable or symbol.is_argument:
                expression = _expression(symbol, frame, address)
                if expression is not None and expression not in found:
                    found.append(expression)
        if block.function is not None:
            break
        block = block.superblock
    return found[0] if len(found) == 1 else None


def _expression(symbol: "gdb.Symbol", frame: "gdb.Frame", address: int) -> Optional[str]:
    try:
        value = symbol.value(frame)
        kind = value.type.strip_typedefs()
        if kind.code != gdb.TYPE_CODE_PTR or value.is_optimized_out or int(value) != 0:
            return None
        target = kind.target().strip_typedefs()
        if target.code != gdb.TYPE_CODE_STRUCT or address >= target.sizeof:
            return None
        path = _field(target, address)
    except (gdb.error, RuntimeError, ValueError):
        return None
    return None if path is None else "%s->%s" % (symbol.name, path)


def _field(kind: "gdb.Type", offset: int) -> Optional[str]:
    parts: List[str] = []
    for _ in range(_DEPTH):
        field: Any = next((each for each in kind.fields() if not each.is_base_class and each.name and _holds(each, offset)), None)
        if field is None:
            break
        parts.append(str(field.name))
        offset -= field.bitpos // 8
        kind = field.type.strip_typedefs()
        if kind.code != gdb.TYPE_CODE_STRUCT:
            break
    return ".".join(parts) if parts else None


def _holds(field: Any, offset: int) -> bool:
    start = field.bitpos // 8
    return field.bitsize == 0 and start <= offset < start + field.type.sizeof
