"""The notes of a Linux core: threads with their registers, mapped files, the auxiliary vector.

Formats: ``struct elf_prstatus`` and ``fill_files_note`` of the kernel's ``fs/binfmt_elf.c``; registers as each architecture's
``elf_gregset_t`` orders them. Names of registers are gdb's.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Tuple

from .elf import PT_NOTE, ElfError, ElfFile, Note

NT_PRSTATUS, NT_PRPSINFO, NT_AUXV = 1, 3, 6
NT_FILE, NT_SIGINFO = 0x46494C45, 0x53494749
NT_386_TLS, NT_ARM_TLS = 0x200, 0x401

_MOST_FILES = 1 << 17

_X86_64 = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
_I386 = "ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss"
_AARCH64 = " ".join("x%d" % number for number in range(31)) + " sp pc cpsr"
_ARM = " ".join("r%d" % number for number in range(13)) + " sp lr pc cpsr orig_r0"
_RISCV64 = "pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
_POWERPC64 = " ".join("r%d" % number for number in range(32)) + " pc msr orig_r3 ctr lr xer cr"

REGISTERS = {
    machine: tuple(names.split())
    for machine, names in (
        ("x86_64", _X86_64),
        ("i386", _I386),
        ("aarch64", _AARCH64),
        ("arm", _ARM),
        ("riscv64", _RISCV64),
        ("powerpc64", _POWERPC64),
    )
}
PROGRAM_COUNTER = {"x86_64": "rip", "i386": "eip"}
STACK_POINTER = {"x86_64": "rsp", "i386": "esp", "powerpc64": "r1"}
_THREAD_POINTER = {"x86_64": "fs_base", "riscv64": "tp", "powerpc64": "r13"}


class MappedFile(NamedTuple):
    """One entry of ``NT_FILE``: ``[start, end)`` holds the file from ``offset`` bytes on."""

    start: int
    end: int
    offset: int
    path: str


@dataclass
class CoreNotes:
    """What the notes say. ``lwps`` in the core's order: the thread that crashed is first."""

    lwps: List[int] = field(default_factory=list)
    registers: Dict[int, Dict[str, int]] = field(default_factory=dict)
    thread_pointers: Dict[int, int] = field(default_factory=dict)
    files: List[MappedFile] = field(default_factory=list)
    auxv: Dict[int, int] = field(default_factory=dict)
    siginfo: Dict[int, bytes] = field(default_factory=dict)


def read_notes(core: ElfFile) -> CoreNotes:
    """All notes of a core that this package knows; malformed ones are left out."""
    found = CoreNotes()
    current: Optional[int] = None
    for segment in core.segments:
        if segment.type != PT_NOTE:
            continue
        for note in core.notes(segment):
            try:
                current = _take(core, note, found, current)
            except (struct.error, ElfError, ValueError):
                continue
    return found


def _take(core: ElfFile, note: Note, found: CoreNotes, current: Optional[int]) -> Optional[int]:
    raw = bytes(core.data[note.offset : note.offset + note.size])
    if note.name == b"CORE" and note.type == NT_PRSTATUS:
        lwp, registers = _prstatus(core, raw)
        if lwp not in found.registers:
            found.lwps.append(lwp)
            found.registers[lwp] = registers
            pointer = registers.get(_THREAD_POINTER.get(core.machine, ""))
            if pointer is not None:
                found.thread_pointers[lwp] = pointer
        return lwp
    if note.name == b"CORE" and note.type == NT_FILE:
        found.files = found.files or _files(core, raw)
    elif note.name == b"CORE" and note.type == NT_AUXV:
        words = [word for (word,) in struct.iter_unpack(_word(core), raw[: len(raw) // core.pointer_size * core.pointer_size])]
        found.auxv = found.auxv or dict(zip(words[0:512:2], words[1:512:2]))
    elif note.name == b"CORE" and note.type == NT_SIGINFO and current is not None:
        found.siginfo.setdefault(current, raw[:128])
    elif note.name == b"LINUX" and note.type == NT_ARM_TLS and current is not None:
        (found.thread_pointers[current],) = struct.unpack_from(_word(core), raw)
    elif note.name == b"LINUX" and note.type == NT_386_TLS and current is not None:
        _i386_thread_pointer(core, raw, found, current)
    return current


def _word(core: ElfFile) -> str:
    return core.prefix + ("Q" if core.pointer_size == 8 else "I")


def _prstatus(core: ElfFile, raw: bytes) -> Tuple[int, Dict[str, int]]:
    """``struct elf_prstatus``: ``pr_pid`` follows signal, flags and two masks; ``pr_reg`` four ids and four times later."""
    pid_at, registers_at = (32, 112) if core.pointer_size == 8 else (24, 72)
    (lwp,) = struct.unpack_from(core.prefix + "i", raw, pid_at)
    registers = {}
    for index, name in enumerate(REGISTERS.get(core.machine, ())):
        at = registers_at + index * core.pointer_size
        if at + core.pointer_size <= len(raw):
            (registers[name],) = struct.unpack_from(_word(core), raw, at)
    return lwp, registers


def _files(core: ElfFile, raw: bytes) -> List[MappedFile]:
    """``NT_FILE``: count, page size, then start, end and page offset of each, then the names, each ended by a NUL."""
    word = struct.Struct(_word(core))
    (count,) = word.unpack_from(raw, 0)
    (page,) = word.unpack_from(raw, word.size)
    if count > _MOST_FILES or (2 + 3 * count) * word.size > len(raw):
        return []
    figures = [figure for (figure,) in word.iter_unpack(raw[2 * word.size : (2 + 3 * count) * word.size])]
    names = raw[(2 + 3 * count) * word.size :].split(b"\0")
    found = []
    for index in range(count):
        start, end, offset = figures[3 * index : 3 * index + 3]
        name = names[index] if index < len(names) else b""
        if start < end:
            found.append(MappedFile(start, end, offset * page, name.decode("utf-8", "surrogateescape")))
    return found


def _i386_thread_pointer(core: ElfFile, raw: bytes, found: CoreNotes, lwp: int) -> None:
    """``struct user_desc`` of the entry that the ``gs`` selector names."""
    selector = found.registers.get(lwp, {}).get("gs", 0) >> 3
    for entry, base, _, _ in struct.iter_unpack(core.prefix + "IIII", raw[: len(raw) // 16 * 16]):
        if entry == selector:
            found.thread_pointers[lwp] = base
