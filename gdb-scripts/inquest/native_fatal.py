"""The message of ``Py_FatalError``: in the arguments of its frames where DWARF tells them, else where it was left.

``fatal_error`` of Python/pylifecycle.c (Python/pythonrun.c in 2.7) never returns, so that its message may stay in a register that its
callees save. Registers count only when they hold exactly one text that can be the message. Else the call tells it, where it
passes a literal (x86-64) or pushes it (32-bit x86); and up to 3.7 the whole line went through ``fprintf``, whose buffer for an unbuffered stream lies on the
stack and is seldom overwritten before the end.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Tuple

import gdb

from inquest.call_arguments import RDI, RSI, constant_argument
from inquest.native_arguments import frame_argument

_FRAMES = 24
_FATAL = re.compile(r"_?Py_FatalError(Func|Format)?(\..*)?|_Py_FatalError_TstateNULL|fatal_error(_exit)?(\..*)?")
_EXPORTED = re.compile(r"_?Py_FatalError(Func|Format)?(\..*)?")
# It gives Py_FatalError its own name; the registers hold what it printed before.
_ASSERTION = re.compile(r"_PyObject_AssertFailed(\..*)?")
_MESSAGES = ("msg",)
_FUNCTIONS = ("func", "prefix")
_SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "ebx", "esi", "edi")
_LONGEST = 512
# Bytes of code before a return address in which the arguments are loaded, and of dead stack.
_CALL_CODE = 40
_STACK_SEARCHED = 1 << 16
# (message), (function, message), (function).
_TOLD_BY_CALL = ("Py_FatalError", "_Py_FatalErrorFunc", "_Py_FatalError_TstateNULL")
_PRINTED = re.compile(rb"Fatal Python error: ([^\n\0]{3,400})\n")
_NOT_MESSAGES = ("Fatal Python error", "Python runtime state", "python", "/")


def fatal_error(frame: "gdb.Frame") -> Optional[Dict[str, Optional[str]]]:
    """``message``, ``function`` (None before 3.9) and ``found`` (``arguments``, ``registers``, ``call`` or ``stack``); None when no frame is Py_FatalError's."""
    frames, last = _frames(frame)
    told = _told(frames, last) if last >= 0 else None
    if told is None or "%s" not in (told["message"] or "") or len(frames) < last + 3:
        return told
    # 3.10 and 3.11: _Py_FatalErrorFormat(function, "%s: bug likely caused by a refcount error in a C extension", what).
    if frames[last + 1].name() != "_Py_FatalRefcountErrorFunc":
        return told
    what = _argument(frames[last + 1], _MESSAGES) or _constant(frames[last + 2], RSI)
    function = _argument(frames[last + 1], _FUNCTIONS) or _constant(frames[last + 2], RDI) or told["function"]
    return told if what is None else {**told, "message": (told["message"] or "").replace("%s", what, 1), "function": function}


def _frames(frame: "gdb.Frame") -> Tuple[List["gdb.Frame"], int]:
    """The innermost frames, and which of them is the outermost of Py_FatalError's own; -1: none."""
    frames: List[gdb.Frame] = []
    last = -1
    current: Optional[gdb.Frame] = frame
    while current is not None and len(frames) < _FRAMES:
        frames.append(current)
        if _FATAL.fullmatch(current.name() or ""):
            last = len(frames) - 1
        current = current.older()
    return frames, last


def _told(frames: List["gdb.Frame"], last: int) -> Optional[Dict[str, Optional[str]]]:
    current = frames[last + 1] if last + 1 < len(frames) else None
    for each in frames[last::-1]:
        message = _argument(each, _MESSAGES)
        if message is not None and _FATAL.fullmatch(each.name() or ""):
            function = next((told for other in frames[: last + 1] for told in [_argument(other, _FUNCTIONS)] if told), None)
            return {"message": message, "function": function, "found": "arguments"}
    if current is not None and _ASSERTION.fullmatch(current.name() or ""):
        func = any("FatalErrorFunc" in (each.name() or "") for each in frames[: last + 1])
        return {"message": "_PyObject_AssertFailed", "function": "_PyObject_AssertFailed" if func else None, "found": "call"}
    if not any(_EXPORTED.fullmatch(each.name() or "") for each in frames[: last + 1]):
        return None
    texts = list(dict.fromkeys(text for each in frames[: last + 2] for text in _texts(each)))
    messages = [text for text in texts if " " in text and not text.startswith(_NOT_MESSAGES)]
    names = [text for text in texts if re.fullmatch(r"_?[A-Za-z]\w{2,80}", text)]
    if len(messages) == 1:
        return {"message": messages[0], "function": names[0] if len(names) == 1 else None, "found": "registers"}
    literal = _literals(frames[: last + 2])
    if literal is not None:
        return literal
    printed = _printed(frames[last])
    return {"message": printed, "function": None, "found": "stack"} if printed is not None else None


def _literals(frames: List["gdb.Frame"]) -> Optional[Dict[str, Optional[str]]]:
    """The string constants that the calls' code puts into the registers of their arguments: the message, from 3.9 on the function too."""
    message = function = None
    for callee, caller in zip(frames, frames[1:]):
        name = callee.name() or ""
        if not name.startswith(_TOLD_BY_CALL):
            continue
        first, second = _constant(caller, RDI), _constant(caller, RSI)
        if name.startswith("Py_FatalError"):
            message = message or first
            continue
        function = function or first
        if name.startswith("_Py_FatalErrorFunc"):
            message = message or second
    return {"message": message, "function": function, "found": "call"} if message is not None else None


def _constant(caller: "gdb.Frame", register: int) -> Optional[str]:
    """The string that the call which ``caller`` is in passes in ``register`` (x86-64: a constant), or on the stack in its place (32-bit x86)."""
    if caller.architecture().name() == "i386":
        return _pushed(caller, (RDI, RSI).index(register))
    if caller.architecture().name() != "i386:x86-64":
        return None
    returns = caller.pc()
    try:
        code = bytes(gdb.selected_inferior().read_memory(returns - _CALL_CODE, _CALL_CODE))
    except (gdb.error, RuntimeError, OverflowError):
        return None
    return _text(constant_argument(code, returns, register) or 0)


def _pushed(caller: "gdb.Frame", index: int) -> Optional[str]:
    """cdecl: the arguments stand where the caller's stack pointer is after the call."""
    try:
        at = (int(caller.read_register("esp")) & 0xFFFFFFFF) + 4 * index
        return _text(int.from_bytes(bytes(gdb.selected_inferior().read_memory(at, 4)), "little"))
    except (gdb.error, RuntimeError, ValueError):
        return None


def _printed(frame: "gdb.Frame") -> Optional[str]:
    """What stands behind the prefix of the line, in the part of the stack that the frame's callees had."""
    try:
        sp = int(frame.read_register("sp")) & ((1 << 64) - 1)
        end = sp & ~4095
        parts = []
        for page in range(end - 4096, end - _STACK_SEARCHED, -4096):
            try:
                parts.append(bytes(gdb.selected_inferior().read_memory(page, 4096)))
            except gdb.MemoryError:
                break
        raw = b"".join(reversed(parts)) + bytes(gdb.selected_inferior().read_memory(end, sp - end or 1))
    except (gdb.error, RuntimeError, ValueError, OverflowError):
        return None
    found = {match.group(1) for match in _PRINTED.finditer(raw)}
    texts = {text for text in (each.decode("utf-8", "replace") for each in found) if text.isprintable() and "\ufffd" not in text}
    return texts.pop() if len(texts) == 1 else None


def _argument(frame: "gdb.Frame", names: Tuple[str, ...]) -> Optional[str]:
    value = frame_argument(frame, names)
    return None if value is None else _text(value)


def _texts(frame: "gdb.Frame") -> List[str]:
    found = []
    for name in _SAVED:
        try:
            value = int(frame.read_register(name)) & ((1 << 64) - 1)
        except (gdb.error, RuntimeError, ValueError):
            continue
        text = _text(value)
        if text is not None:
            found.append(text)
    return found


def _text(address: int) -> Optional[str]:
    """The printable C string at an address, of at least 3 characters."""
    if address < 4096:
        return None
    inferior = gdb.selected_inferior()
    raw = b""
    try:
        while len(raw) < _LONGEST and b"\0" not in raw:
            step = 64 - (address + len(raw)) % 64
            raw += bytes(inferior.read_memory(address + len(raw), step))
    except (gdb.error, RuntimeError, OverflowError):
        if b"\0" not in raw:
            return None
    text = raw.split(b"\0", 1)[0][:_LONGEST].decode("utf-8", "replace").strip()
    return text if len(text) >= 3 and text.replace("\n", " ").isprintable() and "\ufffd" not in text else None
