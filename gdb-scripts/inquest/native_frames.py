"""One ``gdb.Frame`` as a ``HelperNativeFrame``.

``trust`` tells how far to believe a frame. ``symbol``: its function is known and it was reached by call frame information;
``cfi``: reached so, without a name; ``scan``: the frame it was unwound from lies in a module of which no matching file was there,
so gdb guessed from the code or the stack. The innermost frame comes from the registers themselves and is never a guess.
"""

from __future__ import annotations

import re
from typing import List, Optional

import gdb

from inquest.native_modules import ModuleMap
from inquest.native_walk import Walk

_SUFFIX = r"(\.(cold|constprop|isra|part|lto_priv|llvm)(\.\d+)*)*"
_REAL_EVALUATOR = re.compile(r"(_PyEval_EvalFrameDefault|_TAIL_CALL_\w+)" + _SUFFIX)
_OLD_EVALUATOR = re.compile(r"PyEval_EvalFrameEx" + _SUFFIX)

_MAX_ARGUMENTS = 16
_MAX_VALUE = 200
_AGGREGATES = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY)


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
    text = value.format_string(max_elements=40, repeat_threshold=10, symbols=True, raw=True, deref_refs=False)
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


class FrameTeller:
    """Turns the frames of one walk into answers."""

    def __init__(self, walk: Walk, modules: ModuleMap) -> None:
        self._walk = walk
        self._modules = modules

    def tell(self, index: int, with_arguments: bool) -> dict:
        frame, pc = self._walk.frames[index], self._walk.pcs[index]
        kind = frame.type()
        name = frame.name()
        function = frame.function()
        trampoline = kind == gdb.SIGTRAMP_FRAME
        file: Optional[str] = None
        line: Optional[int] = None
        if function is not None:
            place = frame.find_sal()
            if place.symtab is not None and place.line > 0:
                file, line = place.symtab.filename, place.line
        module = self._modules.at(pc)
        return {
            "kind": "native",
            "pc": hexadecimal(pc),
            "function": "<signal handler called>" if trampoline and name is None else name,
            "file": file,
            "line": line,
            "module": module.module.path if module is not None else None,
            "build_id": module.module.build_id if module is not None else None,
            "offset": hexadecimal(pc - module.bias) if module is not None else None,
            "inlined": kind == gdb.INLINE_FRAME,
            "arguments": arguments(frame) if with_arguments and function is not None else [],
            "trust": self._trust(index, name, trampoline),
            "sp": hexadecimal(stack_pointer(frame)),
            "evaluator": is_evaluator(name, self._name(index - 1)),
            "signal_trampoline": trampoline,
        }

    def _name(self, index: int) -> Optional[str]:
        return self._walk.frames[index].name() if index >= 0 else None

    def _trust(self, index: int, name: Optional[str], trampoline: bool) -> str:
        if index > 0:
            younger = self._walk.frames[index - 1]
            if younger.type() not in (gdb.INLINE_FRAME, gdb.SIGTRAMP_FRAME):
                module = self._modules.at(self._walk.pcs[index - 1])
                if module.module.file is None if module is not None else younger.name() is None:
                    return "scan"
        return "symbol" if name is not None or trampoline else "cfi"
