"""The message of ``Py_FatalError``: in the arguments of its frames where DWARF tells them, else in the registers it was kept in.

``fatal_error`` of Python/pylifecycle.c (Python/pythonrun.c in 2.7) never returns, so that its message stays in a register that its
callees save. Registers alone count only when they hold exactly one text that can be the message.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional

import gdb

_FRAMES = 24
_FATAL = re.compile(r"_?Py_FatalError(Func|Format)?(\..*)?|_Py_FatalError_TstateNULL|fatal_error(_exit)?(\..*)?")
_EXPORTED = re.compile(r"_?Py_FatalError(Func|Format)?(\..*)?")
_MESSAGES = ("msg",)
_FUNCTIONS = ("func", "prefix")
_SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "ebx", "esi", "edi")
_LONGEST = 512
_NOT_MESSAGES = ("Fatal Python error", "Python runtime state", "python", "/")


def fatal_error(frame: "gdb.Frame") -> Optional[Dict[str, Optional[str]]]:
    """``message``, ``function`` (None before 3.9) and ``found`` (``arguments`` or ``registers``); None when no frame is Py_FatalError's."""
    frames: List[gdb.Frame] = []
    last = -1
    current: Optional[gdb.Frame] = frame
    while current is not None and len(frames) < _FRAMES:
        frames.append(current)
        if _FATAL.fullmatch(current.name() or ""):
            last = len(frames) - 1
        current = current.older()
    if last < 0:
        return None
    for each in frames[last::-1]:
        message = _argument(each, _MESSAGES)
        if message is not None and _FATAL.fullmatch(each.name() or ""):
            function = next((told for other in frames[: last + 1] for told in [_argument(other, _FUNCTIONS)] if told), None)
            return {"message": message, "function": function, "found": "arguments"}
    if not any(_EXPORTED.fullmatch(each.name() or "") for each in frames[: last + 1]):
        return None
    texts = list(dict.fromkeys(text for each in frames[: last + 2] for text in _texts(each)))
    messages = [text for text in texts if " " in text and not text.startswith(_NOT_MESSAGES)]
    names = [text for text in texts if re.fullmatch(r"_?[A-Za-z]\w{2,80}", text)]
    if len(messages) != 1:
        return None
    return {"message": messages[0], "function": names[0] if len(names) == 1 else None, "found": "registers"}


def _argument(frame: "gdb.Frame", names: "tuple[str, ...]") -> Optional[str]:
    try:
        block = frame.block()
    except (RuntimeError, gdb.error):
        return None
    while block is not None and block.function is None:
        block = block.superblock
    for symbol in block or ():
        if symbol.is_argument and symbol.name in names:
            try:
                return _text(int(symbol.value(frame)))
            except (gdb.error, RuntimeError, ValueError):
                continue
    return None


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
