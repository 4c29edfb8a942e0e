"""Where the crashed thread was when it crashed."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Optional, Tuple

_NOT_GENERAL = frozenset("rip pc eip rsp sp esp eflags cpsr fs_base gs_base orig_rax orig_eax cs ss ds es fs gs".split())


def crash_place(context: Any) -> Tuple[Dict[str, int], Optional[int], Optional[int]]:
    """Registers, stack pointer and program counter of the fault: of the outermost signal frame, else of the thread."""
    if context.signal_frames:
        registers = {name: int(value, 16) for name, value in context.signal_frames[-1]["registers"].items()}
    elif context.crashed_lwp is not None:
        registers = dict(context.core.registers(context.crashed_lwp))
    else:
        return {}, None, None
    return registers, _first(registers, "rsp", "sp", "esp"), _first(registers, "rip", "pc", "eip")


def _first(registers: Dict[str, int], *names: str) -> Optional[int]:
    return next((registers[name] for name in names if name in registers), None)


def general_registers(registers: Dict[str, int]) -> Iterable[Tuple[str, int]]:
    """Those that may hold an object."""
    return ((name, value) for name, value in registers.items() if name not in _NOT_GENERAL)
