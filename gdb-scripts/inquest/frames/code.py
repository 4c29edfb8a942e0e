"""Code objects: names, file, line table and the names of the fast locals.

``PyCodeObject *`` is decoded once and kept: a deep recursion meets the same one 100,000 times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from ..layout.model import LayoutMissing
from ..lines import NOWHERE, Position, position
from ..memory import MemoryFault
from .image import Image

# co_flags and the kinds of co_localspluskinds (Include/cpython/code.h, Include/internal/pycore_code.h).
CO_OPTIMIZED = 0x0001
KIND_CELL = 0x40
KIND_FREE = 0x80
KIND_LOCAL = 0x20

_MOST_SLOTS = 4096
_MOST_HOLES = 16


@dataclass
class Code:
    """``names`` and ``kinds`` describe the slots of ``f_localsplus`` in order; ``intact`` is False where a part could not be read."""

    address: int
    name: str = "?"
    qualname: Optional[str] = None
    filename: Optional[str] = None
    first_line: int = 0
    flags: int = CO_OPTIMIZED
    table: bytes = b""
    names: List[str] = field(default_factory=list)
    kinds: List[int] = field(default_factory=list)
    # Address of the first instruction and how many bytes of them (3.11+, where they live inside the object; else 0).
    instructions: int = 0
    instructions_size: int = 0
    # Byte offset of the first instruction that a traceback may show; the ones before it make cells and generators.
    first_traceable: int = 0
    intact: bool = True
    positions: Dict[int, Position] = field(default_factory=dict)


def read_code(image: Image, address: int) -> Code:
    """The code object at ``address``. Never raises for damage: what cannot be read keeps its default and clears ``intact``."""
    cache = image.caches.setdefault("code", {})
    found = cache.get(address)
    if found is None:
        found = cache[address] = _read(image, address)
    return found


def place(image: Image, code: Code, offset: int) -> Position:
    """The source position of the instruction at byte ``offset``."""
    found = code.positions.get(offset)
    if found is None:
        found = NOWHERE
        if code.first_line or code.table:
            found = position(image.layouts.version, code.table, code.first_line, offset)
        code.positions[offset] = found
    return found


def _read(image: Image, address: int) -> Code:
    code = Code(address)
    steps = (_read_name, _read_file, _read_lines, _read_instructions, _read_slots)
    for step in steps:
        try:
            step(image, code)
        except (MemoryFault, LayoutMissing):
            code.intact = False
    if image.layouts.has("PyCodeObject", "co_qualname"):
        try:
            code.qualname = image.trusted_text(image.pointer(address, "PyCodeObject", "co_qualname"))
        except (MemoryFault, LayoutMissing):
            code.intact = False
    return code


def _read_name(image: Image, code: Code) -> None:
    code.name = image.trusted_text(image.pointer(code.address, "PyCodeObject", "co_name"))


def _read_file(image: Image, code: Code) -> None:
    code.filename = image.trusted_text(image.pointer(code.address, "PyCodeObject", "co_filename"))


def _read_lines(image: Image, code: Code) -> None:
    """Both or none: without the table the first line would be told for each."""
    field_name = "co_linetable" if image.layouts.has("PyCodeObject", "co_linetable") else "co_lnotab"
    table = image.trusted_bytes(image.pointer(code.address, "PyCodeObject", field_name))
    code.first_line = image.integer(code.address, "PyCodeObject", "co_firstlineno")
    code.table = table


def _read_instructions(image: Image, code: Code) -> None:
    flags = image.optional_integer(code.address, "PyCodeObject", "co_flags")
    code.flags = CO_OPTIMIZED if flags is None else flags
    if not image.layouts.has("PyCodeObject", "co_code_adaptive"):
        return
    code.instructions = code.address + image.layouts.offset("PyCodeObject", "co_code_adaptive")
    units = image.reader.ssize(code.address + image.layouts.offset("PyVarObject", "ob_size"))
    code.instructions_size = 2 * units if 0 <= units < 1 << 30 else 0
    first = image.optional_integer(code.address, "PyCodeObject", "_co_firsttraceable")
    code.first_traceable = 2 * first if first is not None and 0 < first < 1 << 20 else 0


def _read_slots(image: Image, code: Code) -> None:
    if image.layouts.has("PyCodeObject", "co_localsplusnames"):
        kinds = list(image.trusted_bytes(image.pointer(code.address, "PyCodeObject", "co_localspluskinds"))[:_MOST_SLOTS])
        code.names = _strings(image, code, "co_localsplusnames", len(kinds))
        code.kinds = kinds
        return
    parts: Tuple[Tuple[str, int], ...] = (("co_varnames", KIND_LOCAL), ("co_cellvars", KIND_CELL), ("co_freevars", KIND_FREE))
    for field_name, kind in parts:
        names = _strings(image, code, field_name, _MOST_SLOTS)
        code.names += names
        code.kinds += [kind] * len(names)


def _strings(image: Image, code: Code, field_name: str, most: int) -> List[str]:
    """The strings of a tuple; a damaged one keeps its place as ``?``, and many of them end the list: it is no tuple of names."""
    out: List[str] = []
    holes = 0
    for item in image.values.tuple_items(image.pointer(code.address, "PyCodeObject", field_name), most):
        try:
            out.append(image.trusted_text(item))
        except (MemoryFault, LayoutMissing):
            out.append("?")
            holes += 1
            code.intact = False
            if holes > _MOST_HOLES:
                break
    return out
