"""The machine at the crash: registers, instructions round the pc, what the faulting one touched, siginfo."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import gdb

from inquest.native_assert import failed_assertion
from inquest.native_fatal import fatal_error
from inquest.native_fields import null_field
from inquest.native_free import freed_pointer
from inquest.operands import branch_target, divisor_in_memory, memory_operands

_AROUND = 8
_LONGEST_X86 = 15
_MAX_REGISTERS = 128
_HANDLER_FRAMES = 64
# SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: the numbers are those of every Linux that CPython runs on but MIPS.
_FAULTS = (4, 5, 7, 8, 11)
_SIGABRT = 6
_FIRST_PAGE = 4096


class CrashSite(NamedTuple):
    """``registers`` by gdb's names, hex; ``disassembly`` in address order; ``facts`` for the diagnosis."""

    registers: Dict[str, str]
    disassembly: List[dict]
    facts: Dict[str, object]


def crash_site(frame: "gdb.Frame", manifest: Mapping) -> CrashSite:
    """Of the innermost frame of the crashed thread. What cannot be had is left out.

    When a signal handler runs on the thread (faulthandler's, which raises the signal again), ``facts`` tells the frame that it
    interrupted the same way: ``interrupted`` with its ``pc``, ``registers``, ``disassembly``, ``instruction`` and ``memory_operands``.
    """
    registers, disassembly, facts = _site(frame)
    interrupted = _interrupted(frame)
    if interrupted is not None:
        inner = _site(interrupted)
        facts["interrupted"] = {"pc": "0x%x" % interrupted.pc(), "registers": inner[0], "disassembly": inner[1], **inner[2]}
    _explain(interrupted if interrupted is not None else frame, facts, registers, manifest)
    siginfo = _siginfo()
    if siginfo:
        facts["siginfo"] = siginfo
    # Looking for the variable can cost as much as all threads.
    message = _abort_message() if siginfo.get("signo") in (None, _SIGABRT) else None
    if message:
        facts["abort_message_address"] = "0x%x" % message
    return CrashSite(registers, disassembly, facts)


def _explain(frame: "gdb.Frame", facts: Dict[str, object], registers: Dict[str, str], manifest: Mapping) -> None:
    """``fatal_error``, ``failed_assertion``, ``freed_pointer`` and ``pointer_field`` of the frame that the process died in."""
    try:
        told = fatal_error(frame)
        if told is not None:
            facts["fatal_error"] = told
        asserted = failed_assertion(frame)
        if asserted is not None:
            facts["failed_assertion"] = asserted
        site = facts.get("interrupted", facts)
        operands = site.get("memory_operands", []) if isinstance(site, dict) else []
        null = [int(each["address"], 16) for each in operands if each["address"] is not None and int(each["address"], 16) < _FIRST_PAGE]
        field = null_field(frame, null[0]) if len(null) == 1 else None
        if field is not None:
            facts["pointer_field"] = field
        freed = freed_pointer(frame, site, site.get("registers", registers), manifest) if isinstance(site, dict) else None
        if freed is not None:
            facts["freed_pointer"] = freed
    except (gdb.error, RuntimeError, ValueError, TypeError):
        return


def _site(frame: "gdb.Frame") -> Tuple[Dict[str, str], List[dict], Dict[str, object]]:
    """Registers, disassembly, and what the current instruction touches."""
    registers = {name: "0x%x" % value for name, value in _registers(frame).items()}
    disassembly = _disassembly(frame)
    facts: Dict[str, object] = {}
    current = next((at for at, row in enumerate(disassembly) if row["current"]), None)
    if current is not None:
        bits = 8 * gdb.lookup_type("void").pointer().sizeof
        next_pc = int(disassembly[min(current + 1, len(disassembly) - 1)]["address"], 16)
        text = disassembly[current]["text"]
        facts["instruction"] = text
        operands = memory_operands(text, next_pc, bits, lambda name: _register(frame, name))
        facts["memory_operands"] = [
            {"operand": operand.text, "address": None if operand.address is None else "0x%x" % operand.address} for operand in operands
        ]
        divided_by = divisor_in_memory(text, operands)
        divisor = _unsigned_at(*divided_by) if divided_by is not None else None
        if divisor is not None:
            facts["divisor"] = "0x%x" % divisor
        target = branch_target(text, operands, lambda name: _register(frame, name), _pointer)
        if target is not None:
            facts["branch_target"] = "0x%x" % target
    return registers, disassembly, facts


def _interrupted(frame: "gdb.Frame") -> Optional["gdb.Frame"]:
    """The frame that the innermost signal handler interrupted, when one runs within the innermost frames."""
    current: Optional[gdb.Frame] = frame
    for _ in range(_HANDLER_FRAMES):
        if current is None:
            return None
        older = current.older()
        if current.type() == gdb.SIGTRAMP_FRAME:
            return older
        current = older
    return None


def _unsigned(value: "gdb.Value") -> int:
    return int(value) & ((1 << (8 * value.type.sizeof)) - 1)


def _register(frame: "gdb.Frame", name: str) -> Optional[int]:
    try:
        return _unsigned(frame.read_register(name))
    except (gdb.error, RuntimeError, ValueError, OverflowError):
        return None


def _pointer(address: int) -> Optional[int]:
    return _unsigned_at(address, 8)


def _unsigned_at(address: int, size: int) -> Optional[int]:
    try:
        return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, size)), "little")
    except (gdb.error, RuntimeError, ValueError, OverflowError):
        return None


def _registers(frame: "gdb.Frame") -> Dict[str, int]:
    """The general ones: integers of at most 8 bytes. Vector registers are not told."""
    found: Dict[str, int] = {}
    for descriptor in frame.architecture().registers("general"):
        try:
            value = frame.read_register(descriptor.name)
            if value.type.sizeof <= 8 and len(found) < _MAX_REGISTERS:
                found[descriptor.name] = _unsigned(value)
        except (gdb.error, RuntimeError, ValueError, OverflowError):
            continue
    return found


def _instructions(architecture: "gdb.Architecture", start: int, count: int) -> Sequence[Mapping]:
    try:
        return architecture.disassemble(start, count=count)
    except (gdb.error, RuntimeError, OverflowError):
        return []


def _before(architecture: "gdb.Architecture", pc: int, floor: int) -> Sequence[Mapping]:
    """Up to eight instructions that end where ``pc`` begins. On x86 they cannot be read backwards: a start is taken that arrives at ``pc``."""
    for back in range(_AROUND * _LONGEST_X86 // 2, 0, -1):
        start = pc - back
        if start < floor:
            continue
        try:
            rows = architecture.disassemble(start, pc - 1)
        except (gdb.error, RuntimeError, OverflowError):
            continue
        if rows and rows[-1]["addr"] + rows[-1]["length"] == pc and not any("(bad)" in row["asm"] for row in rows):
            return rows[-_AROUND:]
    return []


def _floor(frame: "gdb.Frame", pc: int) -> int:
    """The start of the function where DWARF tells it: of the one that stands in the code, not of what is inlined there."""
    try:
        block = frame.block()
    except RuntimeError:
        return 0
    function = None
    while block is not None and not block.is_static and not block.is_global:
        function = block if block.function is not None else function
        block = block.superblock
    return function.start if function is not None and function.start <= pc else 0


def _disassembly(frame: "gdb.Frame") -> List[dict]:
    pc = frame.pc()
    architecture = frame.architecture()
    after = _instructions(architecture, pc, _AROUND + 1)
    rows = [*_before(architecture, pc, _floor(frame, pc)), *after] if after else []
    return [{"address": "0x%x" % row["addr"], "text": row["asm"].replace("\t", " ")[:200], "current": row["addr"] == pc} for row in rows]


def _siginfo() -> Dict[str, int]:
    """``siginfo_t`` of the selected thread, from NT_SIGINFO. A code above 0 is the kernel's own: only then there is an address (in
    signals for faults); else somebody sent it, and ``pid`` tells who."""
    try:
        info = gdb.parse_and_eval("$_siginfo")
        found = {"signo": int(info["si_signo"]), "code": int(info["si_code"]), "errno": int(info["si_errno"])}
        if found["code"] <= 0:
            found["pid"] = int(info["_sifields"]["_kill"]["si_pid"])
        elif found["signo"] in _FAULTS:
            found["address"] = int(info["_sifields"]["_sigfault"]["si_addr"])
        return found
    except (gdb.error, RuntimeError, ValueError):
        return {}


def _abort_message() -> Optional[int]:
    """glibc's ``struct abort_msg_s *__abort_msg``, where its libc is at hand: what ``abort`` and ``assert`` had to say."""
    try:
        return int(gdb.parse_and_eval("*(unsigned long *) &__abort_msg")) or None
    except (gdb.error, RuntimeError, ValueError):
        return None
