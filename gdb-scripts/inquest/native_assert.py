"""What a failed assertion said of itself: by the arguments of the function that reports it, where DWARF tells them, else by the call's own code.

    Objects/object.c            _PyObject_AssertFailed(obj, expr, msg, file, line, function)    3.8 on; release builds too have a few
    assert/assert.c             __assert_fail(assertion, file, line, function)                  glibc; musl's src/exit/assert.c as well
    libstdc++ src/c++11/debug.cc, assert_fail.cc    std::__glibcxx_assert_fail(file, line, function, condition)

Each prints to the standard error and aborts; only glibc's keeps its text in memory. The texts are constants of the caller, so its code loads
their addresses right before the call (x86-64), or pushes them (32-bit x86: they lie where the caller's stack pointer stands). The object of
CPython's is in a register that the function keeps while it prints.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import gdb

from inquest.call_arguments import R8, R9, RCX, RDI, RDX, RSI, constant_argument, constant_number
from inquest.native_arguments import frame_argument
from inquest.native_names import function_name

_FRAMES = 24
_CALL_CODE = 64
_LONGEST = 512
_KEPT = ("rbx", "rbp", "r12", "r13", "r14", "r15", "x19", "x20", "x21", "x22", "x23", "x24")
_PASSED = (RDI, RSI, RDX, RCX, R8, R9)
_PY_OBJECT = "_PyObject_AssertFailed"


class Reporter(NamedTuple):
    """``arguments`` by what they are: names in DWARF, and the register that passes them."""

    name: "re.Pattern[str]"
    kind: str
    arguments: Dict[str, Tuple[Tuple[str, ...], int]]


_REPORTERS = (
    Reporter(
        re.compile(_PY_OBJECT + r"(\..*)?"),
        "object",
        {"expression": (("expr",), RSI), "message": (("msg",), RDX), "file": (("file",), RCX), "line": (("line",), R8), "function": (("function",), R9)},
    ),
    Reporter(
        re.compile(r"std::__glibcxx_assert_fail(\(.*\))?"),
        "cpp",
        {"file": (("file",), RDI), "line": (("line",), RSI), "function": (("function",), RDX), "expression": (("condition",), RCX)},
    ),
    Reporter(
        re.compile(r"(__GI_)?__assert_fail"),
        "c",
        {"expression": (("assertion", "expr"), RDI), "file": (("file",), RSI), "line": (("line",), RDX), "function": (("function", "func"), RCX)},
    ),
)


def failed_assertion(frame: "gdb.Frame") -> Optional[Dict[str, Any]]:
    """``kind``, ``reporter``, ``expression``, ``message``, ``file``, ``line``, ``function``, ``object``, ``found``; None when no frame reports one."""
    current: Optional[gdb.Frame] = frame
    for _ in range(_FRAMES):
        if current is None:
            return None
        name = function_name(current) or ""
        reporter = next((each for each in _REPORTERS if each.name.fullmatch(name)), None)
        if reporter is not None:
            return _told(current, reporter, name)
        current = current.older()
    return None


def _told(frame: "gdb.Frame", reporter: Reporter, name: str) -> Dict[str, Any]:
    told: Dict[str, Any] = {"kind": reporter.kind, "reporter": name, "message": None, "object": None}
    named = {what: frame_argument(frame, names) for what, (names, _) in reporter.arguments.items()}
    found = "arguments" if any(named.get(what) for what in ("expression", "message")) else None
    if found is None:
        named = _passed(frame, reporter)
        found = "call" if any(named.get(what) for what in ("expression", "message")) else None
    for what in reporter.arguments:
        value = named.get(what)
        told[what] = None if not value else value if what == "line" else _text(value)
    if told["line"] is not None and not 0 < told["line"] < 1 << 24:
        told["line"] = None
    told["found"] = found
    if reporter.kind == "object":
        told["object"] = _object(frame, _pushed(frame, RDI))
    return told


def _passed(frame: "gdb.Frame", reporter: Reporter) -> Dict[str, Optional[int]]:
    """By the caller's code."""
    caller = frame.older()
    if caller is None or frame.architecture().name() != "i386:x86-64":
        return {what: _pushed(frame, register) for what, (_, register) in reporter.arguments.items()}
    returns = caller.pc()
    try:
        code = bytes(gdb.selected_inferior().read_memory(returns - _CALL_CODE, _CALL_CODE))
    except (gdb.error, RuntimeError, OverflowError):
        return {}
    # Only what is called by its name passes constants: call rel32, or call *rel32(%rip).
    if code[-5] != 0xE8 and code[-6:-4] != b"\xff\x15":
        return {}
    read = {"line": constant_number}
    return {what: read.get(what, constant_argument)(code, returns, register) for what, (_, register) in reporter.arguments.items()}


def _pushed(frame: "gdb.Frame", register: int) -> Optional[int]:
    """What 32-bit x86 passes on the stack in the place of ``register``; a clone of a function (``.constprop``) may have other arguments."""
    caller = frame.older()
    if caller is None or frame.architecture().name() != "i386" or "." in (frame.name() or "."):
        return None
    try:
        return _word((int(caller.read_register("esp")) & 0xFFFFFFFF) + 4 * _PASSED.index(register))
    except (gdb.error, RuntimeError, ValueError):
        return None


def _object(frame: "gdb.Frame", passed: Optional[int]) -> Optional[Dict[str, Optional[str]]]:
    """``address`` and ``type`` of the object that the assertion is about: its argument, else the only object that a kept register holds."""
    told = frame_argument(frame, ("obj", "op")) or passed
    if told:
        return described(told & ((1 << 8 * _word_size()) - 1))
    found: List[int] = []
    for name in _KEPT:
        try:
            value = int(frame.read_register(name)) & ((1 << 64) - 1)
        except (gdb.error, RuntimeError, ValueError):
            continue
        if value not in found and _is_object(value):
            found.append(value)
    return described(found[0]) if len(found) == 1 else None


def described(address: int) -> Dict[str, Optional[str]]:
    """``tp_name`` stands behind the header of a variable size; what is no object has no type."""
    word = _word_size()
    kind = _pointer(address + word) if _is_object(address) else None
    name = _pointer(kind + 3 * word) if kind else None
    return {"address": "0x%x" % address, "type": _text(name) if name else None}


def _is_object(address: int) -> bool:
    """Its type's type is ``type``, or derives from it: a type whose own type is itself stands two steps on."""
    word = _word_size()
    kind = _pointer(address + word)
    meta = _pointer(kind + word) if kind else None
    above = _pointer(meta + word) if meta else None
    return bool(above) and _pointer((above or 0) + word) == above


def _word_size() -> int:
    return gdb.lookup_type("void").pointer().sizeof


def _pointer(address: int) -> Optional[int]:
    return None if address < 65_536 or address % _word_size() else _word(address)


def _word(address: int) -> Optional[int]:
    try:
        return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, _word_size())), "little")
    except (gdb.error, RuntimeError, ValueError, OverflowError):
        return None


def _text(address: int) -> Optional[str]:
    """The printable C string at an address."""
    if address < 4096:
        return None
    raw = b""
    try:
        while len(raw) < _LONGEST and b"\0" not in raw:
            raw += bytes(gdb.selected_inferior().read_memory(address + len(raw), 64 - (address + len(raw)) % 64))
    except (gdb.error, RuntimeError, OverflowError):
        return None
    text = raw.split(b"\0", 1)[0][:_LONGEST].decode("utf-8", "replace").strip()
    return text if text and text.replace("\n", " ").isprintable() and "\ufffd" not in text else None
