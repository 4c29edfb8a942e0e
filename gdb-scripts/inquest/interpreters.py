"""Is there a ``PyInterpreterState`` at this address? Used on candidates, so it assumes the worst of them.

A candidate counts when its newest thread state points back to it and its ``sys``, ``builtins`` and module table are dicts, whose
type's type is ``type``, which is its own type (pycore_interp.h, pystate.h, object.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Set

from .layout.model import LayoutMissing, Layouts
from .memory import MemoryFault, Reader
from .sysdict import fields_of

_DICT_SUBCLASS = 1 << 29
_TYPE_SUBCLASS = 1 << 31
_MOST_INTERPRETERS = 4096
_MOST_DAMAGED_IN_A_ROW = 4


@dataclass(frozen=True)
class Interpreter:
    """One ``PyInterpreterState *``. ``id`` as ``interp->id`` (3.7+; before that main is 0). The dicts are 0 where the interpreter has none left."""

    address: int
    id: int
    threads_head: int
    modules: int
    sysdict: int
    builtins: int


def is_type(reader: Reader, layouts: Layouts, address: int) -> bool:
    """Whether ``PyTypeObject *`` has a metatype chain that ends in ``type``, which is its own type. Raises ``MemoryFault``."""
    type_at = layouts.offset("PyObject", "ob_type")
    flags_at = layouts.offset("PyTypeObject", "tp_flags")
    for _ in range(8):
        if address % reader.pointer_size or not address:
            return False
        metatype = reader.pointer(address + type_at)
        if metatype == address:
            return bool(reader.uint(address + flags_at, reader.pointer_size) & _TYPE_SUBCLASS)
        address = metatype
    return False


def is_dict(reader: Reader, layouts: Layouts, address: int) -> bool:
    """Whether ``PyObject *`` is a dict or a subclass's instance. Raises ``MemoryFault``."""
    if not address or address % reader.pointer_size:
        return False
    kind = reader.pointer(address + layouts.offset("PyObject", "ob_type"))
    if not kind or kind % reader.pointer_size:
        return False
    flags = reader.uint(kind + layouts.offset("PyTypeObject", "tp_flags"), reader.pointer_size)
    return bool(flags & _DICT_SUBCLASS) and is_type(reader, layouts, kind)


def read_interpreter(reader: Reader, layouts: Layouts, address: int, strict: bool = True) -> Optional[Interpreter]:
    """The interpreter at ``address``, or ``None``. Not ``strict``: dicts may be gone (as at finalization) or damaged, or the threads, not both.

    Never raises; ``strict`` is for scans, where the address is a guess.
    """
    try:
        if not address or address % reader.pointer_size:
            return None
        head = reader.pointer(address + fields_of(layouts, "PyInterpreterState", "threads.head", "tstate_head"))
        if head % reader.pointer_size or (strict and not head):
            return None
        if head and reader.pointer(head + layouts.offset("PyThreadState", "interp")) != address:
            return None
        dicts: List[int] = []
        for names in (("imports.modules", "modules"), ("sysdict",), ("builtins",)):
            value = reader.pointer(address + fields_of(layouts, "PyInterpreterState", *names))
            try:
                good = is_dict(reader, layouts, value)
            except MemoryFault:
                good = False
            if not good and strict:
                return None
            dicts.append(value if good else 0)
        if not head and not all(dicts):
            return None  # a subinterpreter that nothing runs in has no thread (3.13+), but it has its dicts
        identity = 0
        if layouts.has("PyInterpreterState", "id"):
            identity = reader.sint(address + layouts.offset("PyInterpreterState", "id"), 8)
        return Interpreter(address, identity, head, dicts[0], dicts[1], dicts[2])
    except (MemoryFault, LayoutMissing):
        return None


def read_all(reader: Reader, layouts: Layouts, head: int, strict: bool = False) -> List[Interpreter]:
    """The list of interpreters from its head on (newest first), as far as each is one."""
    found: List[Interpreter] = []
    seen: Set[int] = set()
    address, damaged = head, 0
    while address and address not in seen and len(found) < _MOST_INTERPRETERS and damaged <= _MOST_DAMAGED_IN_A_ROW:
        seen.add(address)
        interpreter = read_interpreter(reader, layouts, address, strict=strict)
        damaged = 0 if interpreter is not None else damaged + 1
        if interpreter is not None:
            found.append(interpreter)
        try:
            address = reader.pointer(address + layouts.offset("PyInterpreterState", "next"))
        except MemoryFault:
            break
    if not layouts.has("PyInterpreterState", "id"):
        last = len(found) - 1
        found = [Interpreter(e.address, last - i, e.threads_head, e.modules, e.sysdict, e.builtins) for i, e in enumerate(found)]
    return found
