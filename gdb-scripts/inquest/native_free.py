"""What free() or realloc() of the C library was given when the process died in it: the pointer, and where it lies."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

import gdb

from inquest.core_file import open_core
from inquest.diagnose.freed_pointer import pointer_of_fault, pointer_of_message
from inquest.elf import ElfError
from inquest.heap.malloc_places import malloc_place
from inquest.memory import Reader
from inquest.native_arguments import frame_argument
from inquest.native_assert import described

_FREES = re.compile(r"(__libc_|__GI___libc_)?(free|cfree|realloc|reallocarray)")
_LIBRARY = re.compile(r"/libc(-2\.\d+)?\.so(\.6)?$")
_ARGUMENTS = ("mem", "oldmem", "ptr")
_FRAMES = 12
_KEPT = ("rbx", "rbp", "r12", "r13", "r14", "r15", "ebx", "esi", "edi", "ebp")


def freed_pointer(frame: "gdb.Frame", site: Mapping[str, Any], registers: Mapping[str, str], manifest: Mapping) -> Optional[Dict[str, Any]]:
    """``function``, ``pointer`` (None: not proven), ``place`` and ``type`` of the object there; None when the process did not die in free().

    ``frame`` is the one that it died in, with its ``registers``; ``site`` tells the ``memory_operands`` of its instruction.
    """
    frames, at = _frames(frame)
    if at < 0:
        return None
    told: Dict[str, Any] = {"function": frames[at].name(), "pointer": None, "place": None, "type": None}
    try:
        opened = open_core(manifest)
    except (OSError, ElfError):
        return told
    with opened as core:
        files = {next((file.path for file in core.mappings if file.start <= each.pc() < file.end), "") for each in frames[: at + 1]}
        if len(files) != 1 or not _LIBRARY.search(files.pop()):
            return None
        reader = Reader(core)
        pointer = next((value for each in frames[: at + 1] for value in [_argument(each)] if value), None)
        if pointer is None and _gives_up(frames[:at]):
            pointer = _kept(reader, frames, at)
        elif pointer is None:
            touched = [int(each["address"], 16) for each in site.get("memory_operands", ()) if each["address"] is not None]
            own = all(each.type() == gdb.INLINE_FRAME for each in frames[:at])
            pointer = pointer_of_fault(reader, {name: int(value, 16) for name, value in registers.items()}, touched, own)
        if pointer is not None:
            told.update({"pointer": "0x%x" % pointer, "place": malloc_place(core, pointer, _register(frame, "sp")), "type": described(pointer)["type"]})
    return told


def _frames(frame: "gdb.Frame") -> Tuple[List["gdb.Frame"], int]:
    """The innermost frames up to free()'s caller, and which of them is free()'s; -1: none."""
    frames: List[gdb.Frame] = []
    current: Optional[gdb.Frame] = frame
    at = -1
    while current is not None and len(frames) < _FRAMES:
        frames.append(current)
        if at >= 0 and current.type() != gdb.INLINE_FRAME:
            break
        if at < 0 and _FREES.fullmatch(current.name() or ""):
            at = len(frames) - 1
        current = current.older()
    return frames, at


def _gives_up(frames: List["gdb.Frame"]) -> bool:
    return any((each.name() or "").endswith(("abort", "raise", "__libc_message", "malloc_printerr")) for each in frames)


def _kept(reader: Reader, frames: List["gdb.Frame"], at: int) -> Optional[int]:
    """By the frames between the one that gives up and free()'s caller."""
    if at + 1 >= len(frames):
        return None
    outer = _saved(frames[at + 1])
    found = {pointer for each in frames[: at + 1] for pointer in [pointer_of_message(reader, _saved(each), outer)] if pointer is not None}
    return found.pop() if len(found) == 1 else None


def _saved(frame: "gdb.Frame") -> Dict[str, int]:
    return {name: value for name, value in ((name, _register(frame, name)) for name in _KEPT) if value is not None}


def _register(frame: "gdb.Frame", name: str) -> Optional[int]:
    try:
        value = frame.read_register(name)
        return int(value) & ((1 << (8 * value.type.sizeof)) - 1)
    except (gdb.error, RuntimeError, ValueError, OverflowError):
        return None


def _argument(frame: "gdb.Frame") -> Optional[int]:
    """Where DWARF tells it, of free() and realloc() themselves."""
    return frame_argument(frame, _ARGUMENTS) or None if _FREES.fullmatch(frame.name() or "") else None
