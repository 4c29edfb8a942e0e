"""What the crashed thread was in the middle of, by its Python frames: an import, a signal handler, a ``__del__``; and the daemon threads.

Frames alone tell all of this, so it holds without a symbol of the interpreter's:

* an import: ``name`` of each ``_find_and_load`` (Lib/importlib/_bootstrap.py); an extension's own code runs below ``create_module`` or
  ``exec_module`` of ``ExtensionFileLoader`` (Lib/importlib/_bootstrap_external.py);
* a handler of the module ``signal``: a frame that C called with a signal's number and the very frame that it interrupted
  (``_PyErr_CheckSignalsTstate`` of Modules/signalmodule.c).
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from ..frames.chain import Chain, RawFrame
from ..frames.code import place, read_code
from ..frames.image import Image
from ..frames.local_variables import slots
from ..frames.namespace import attribute, module_global, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..python_modules import importing

_MOST_FRAMES = 2_000
_MOST_SIGNAL = 64
_MOST_THREADS = 4_096
_BOOTSTRAP = "<frozen importlib._bootstrap"


def crash_context(context: Any) -> Optional[Dict[str, Any]]:
    """``imports`` outermost first, ``extension``, ``handler``, ``destructors`` innermost first, ``outermost`` function, ``daemons``."""
    image: Image = context.image
    chain = crashed_chain(context)
    if chain is None:
        return None
    frames = chain.frames[:_MOST_FRAMES]
    return {
        "imports": list(reversed(importing(image, chain))),
        "extension": _extension(image, frames),
        "handler": _handler(image, frames),
        "destructors": [code.qualname or code.name for code in (read_code(image, frame.code) for frame in frames) if code.name == "__del__"][:8],
        "outermost": _place(image, chain.frames[-1]) if chain.frames and chain.broken is None else None,
        "daemons": _daemons(image, context),
    }


def crashed_chain(context: Any) -> Optional[Chain]:
    """Of the crashed thread's state; the one with the most frames where interpreters share the thread."""
    lwp = context.crashed_lwp
    chains = [context.chains[state.address] for state in context.states if state.lwp == lwp and lwp is not None and state.address in context.chains]
    return max(chains, key=lambda chain: len(chain.frames), default=None)


def _place(image: Image, frame: RawFrame) -> Dict[str, Any]:
    code = read_code(image, frame.code)
    found = place(image, code, frame.offset) if frame.offset is not None else None
    return {"function": code.qualname or code.name, "file": code.filename, "line": found.line if found is not None else None}


def _extension(image: Image, frames: List[RawFrame]) -> Optional[Dict[str, Any]]:
    """``name``, ``path`` and ``phase`` (``create`` runs PyInit, ``exec`` the slots of Py_mod_exec) where C code of an extension's import is innermost."""
    for frame in frames[:3]:
        code = read_code(image, frame.code)
        if code.name == "_call_with_frames_removed" and str(code.filename).startswith(_BOOTSTRAP):
            continue
        if code.name not in ("create_module", "exec_module") or not str(code.filename).startswith(_BOOTSTRAP):
            return None
        local = _locals(image, frame)
        loader = local.get("self", 0)
        try:
            if not loader or image.values.type_info(image.values.access.type_pointer(loader)).name != "ExtensionFileLoader":
                return None
        except (MemoryFault, LayoutMissing):
            return None
        told = {name: text(image, attribute(image, loader, name)) for name in ("name", "path")}
        return {**told, "phase": "create" if code.name == "create_module" else "exec"}
    return None


def _locals(image: Image, frame: RawFrame) -> Dict[str, int]:
    try:
        return dict(slots(image, frame, read_code(image, frame.code)))
    except (MemoryFault, LayoutMissing):
        return {}


def _handler(image: Image, frames: List[RawFrame]) -> Optional[Dict[str, Any]]:
    """The innermost frame that is a signal's handler: ``signal``, and its place."""
    for frame, interrupted in zip(frames, frames[1:]):
        if not frame.entry:
            continue
        number = _signal_of(image, list(_locals(image, frame).values())[:4], interrupted)
        if number is not None:
            return {"signal": number, **_place(image, frame)}
    return None


def _signal_of(image: Image, arguments: List[int], interrupted: RawFrame) -> Optional[int]:
    """The number, where two arguments in a row are a signal's number and the frame object of ``interrupted``; also as one tuple."""
    pairs: List[Tuple[int, int]] = list(zip(arguments, arguments[1:]))
    try:
        for value in arguments[:2]:
            if image.values.type_name(value) == "tuple":
                items = image.values.tuple_items(value, 3)
                pairs += [(items[0], items[1])] if len(items) == 2 else []
    except (MemoryFault, LayoutMissing):
        pass
    for number, frame in pairs:
        try:
            if image.values.type_name(number) != "int" or image.values.type_name(frame) != "frame":
                continue
            at = frame if image.layouts.has("PyThreadState", "frame") else image.pointer(frame, "PyFrameObject", "f_frame")
            value = image.values.long_value(number)
            if at == interrupted.address and 0 < value <= _MOST_SIGNAL:
                return value
        except (MemoryFault, LayoutMissing):
            continue
    return None


def _daemons(image: Image, context: Any) -> List[Dict[str, Any]]:
    """Daemon threads that still have a thread state, the crashed one among them: ``lwp`` and ``name``."""
    modules = context.runtime.main.modules
    active = module_global(image, modules, "threading", "_active") if modules else 0
    states = {state.thread_id: state for state in context.states}
    found: List[Dict[str, Any]] = []
    try:
        for key, thread in image.values.dict_items(active, _MOST_THREADS) if active else []:
            flag = attribute(image, thread, "_Thread__daemonic" if image.version[0] == 2 else "_daemonic")
            state = states.get(image.values.long_value(key) & image.reader.address_mask)
            if state is not None and flag and image.values.repr(flag).text == "True":
                found.append({"lwp": state.lwp, "name": state.name})
    except (MemoryFault, LayoutMissing):
        pass
    return found[:64]
