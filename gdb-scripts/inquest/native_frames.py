"""One ``gdb.Frame`` as a ``HelperNativeFrame``.

``trust`` tells how far to believe a frame. ``symbol``: its function is known and it was reached by call frame information;
``cfi``: reached so, without a name; ``scan``: the frame it was unwound from lies in a module of which no matching file was there,
so gdb guessed from the code or the stack. The innermost frame comes from the registers themselves and is never a guess.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import gdb

from inquest.native_code import is_code_of
from inquest.native_modules import ModuleMap, Place
from inquest.native_names import demangled, with_demangled
from inquest.native_walk import Walk

_SUFFIX = r"(\.(cold|constprop|isra|part|lto_priv|llvm)(\.\d+)*)*"
_REAL_EVALUATOR = re.compile(r"(_PyEval_EvalFrameDefault|_TAIL_CALL_\w+)" + _SUFFIX)
_OLD_EVALUATOR = re.compile(r"PyEval_EvalFrameEx" + _SUFFIX)

_MAX_ARGUMENTS = 16
_MAX_VALUE = 200
_AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)
# Where a struct is only declared, gdb reads the source file that defines it before it prints a pointer to it. Every script's stack has this one.
_DECLARED_ONLY = ("PyArena *",)


def hexadecimal(value: Optional[int]) -> Optional[str]:
    return None if value is None or value < 0 else "0x%x" % value


def is_evaluator(name: Optional[str], younger_name: Optional[str]) -> bool:
    """Whether the function is CPython's bytecode loop. Since 3.6 ``PyEval_EvalFrameEx`` only wraps the real one, so right above that it does not count."""
    if name is None:
        return False
    if _REAL_EVALUATOR.fullmatch(name) is not None:
        return True
    return _OLD_EVALUATOR.fullmatch(name) is not None and (younger_name is None or _REAL_EVALUATOR.fullmatch(younger_name) is None)


def stack_pointer(frame: "gdb.Frame") -> Optional[int]:
    """The register ``sp`` in this frame; gdb has that name for every machine."""
    try:
        value = frame.read_register("sp")
        return int(value) & ((1 << (8 * value.type.sizeof)) - 1)
    except (gdb.error, RuntimeError, ValueError):
        return None


def _value_text(value: "gdb.Value") -> str:
    if value.type.strip_typedefs().code in _AGGREGATES:
        return "..."
    if str(value.type) in _DECLARED_ONLY:
        value = gdb.Value(int(value)).cast(gdb.lookup_type("void").pointer())
    text = value.format_string(max_elements=40, repeat_threshold=10, symbols=True, raw=True, deref_refs=False)
    text = with_demangled(text)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 3] + "..."


def arguments(frame: "gdb.Frame") -> List[dict]:
    """Name and value of each argument, where DWARF names them. Nothing is called; aggregates are not opened."""
    try:
        block = frame.block()
    except (RuntimeError, gdb.error):
        return []
    while block is not None and block.function is None:
        block = block.superblock
    rows: List[dict] = []
    for symbol in block or ():
        if not symbol.is_argument or len(rows) >= _MAX_ARGUMENTS:
            continue
        try:
            text = _value_text(symbol.value(frame))
        except (gdb.error, RuntimeError, ValueError) as error:
            text = "<optimized out>" if "optimized out" in str(error) else "<unreadable>"
        rows.append({"name": symbol.name, "value": text})
    return rows


class Code(NamedTuple):
    """What depends on the code alone, so it is asked once for each place in it."""

    name: Optional[str]
    described: bool
    file: Optional[str]
    line: Optional[int]
    place: Optional[Place]


class FrameTeller:
    """Turns the frames of walks into answers. Lives as long as the report: a thousand threads stand at the same few places."""

    def __init__(self, modules: ModuleMap) -> None:
        self._modules = modules
        self._codes: Dict[Tuple[int, int, int], Code] = {}

    def code(self, walk: Walk, index: int) -> Code:
        """gdb looks up a caller's line one byte before its pc, and the pc itself in the innermost frame and right above a signal handler."""
        exact = index == 0 or walk.types[index - 1] == gdb.SIGTRAMP_FRAME
        inlined = 0
        while index > inlined and walk.types[index - inlined - 1] == gdb.INLINE_FRAME:
            inlined += 1
        key = (walk.pcs[index], inlined, exact)
        found = self._codes.get(key)
        if found is None:
            found = self._codes[key] = self._look_up(walk.frames[index], walk.pcs[index])
        return found

    def _look_up(self, frame: "gdb.Frame", pc: int) -> Code:
        described = frame.function() is not None
        file: Optional[str] = None
        line: Optional[int] = None
        if described:
            place = frame.find_sal()
            if place.symtab is not None and place.line > 0:
                file, line = place.symtab.filename, place.line
        name, where = frame.name(), self._modules.at(pc)
        if name is not None and (described or is_code_of(name, pc, where)):
            return Code(demangled(name), described, file, line, where)
        return Code(None, described, file, line, where)

    def tell(self, walk: Walk, index: int, with_arguments: bool) -> dict:
        frame, pc, kind = walk.frames[index], walk.pcs[index], walk.types[index]
        code = self.code(walk, index)
        trampoline = kind == gdb.SIGTRAMP_FRAME
        younger = self.code(walk, index - 1) if index > 0 else None
        return {
            "kind": "native",
            "pc": hexadecimal(pc),
            "function": "<signal handler called>" if trampoline else code.name,
            "file": code.file,
            "line": code.line,
            "module": code.place.module.path if code.place is not None else None,
            "build_id": code.place.module.build_id if code.place is not None else None,
            "offset": hexadecimal(pc - code.place.bias) if code.place is not None else None,
            "inlined": kind == gdb.INLINE_FRAME,
            "arguments": arguments(frame) if with_arguments and code.described else [],
            "trust": _trust(code, younger, walk.types[index - 1] if index > 0 else None, trampoline),
            "sp": hexadecimal(stack_pointer(frame)),
            "evaluator": is_evaluator(code.name, younger.name if younger is not None else None),
            "signal_trampoline": trampoline,
        }


def _trust(code: Code, younger: Optional[Code], younger_type: Optional[int], trampoline: bool) -> str:
    if younger is not None and younger_type not in (gdb.INLINE_FRAME, gdb.SIGTRAMP_FRAME):
        if younger.place.module.file is None if younger.place is not None else younger.name is None:
            return "scan"
    return "symbol" if code.name is not None or trampoline else "cfi"
