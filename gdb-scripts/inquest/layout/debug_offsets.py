"""The debug offsets that CPython 3.13 and newer keeps at the start of ``_PyRuntime`` (``_Py_DebugOffsets``, pycore_debug_offsets.h).

They are the interpreter's own word on its layout, so they win over every table. They cover a part of the structs; the rest
comes from the table of the same minor version, and where the two disagree the neighbours that the offsets do not cover are
moved along (see ``_apply``). The form of ``_Py_DebugOffsets`` itself differs by version and is read through the table too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Tuple

from ..memory import MemoryFault, Reader
from .model import Field, Layouts, LazyStructs, StructLayout
from .tables import NoTable, load

COOKIE = b"xdebugpy"
_LARGEST = 1 << 20

_STRUCTS: Dict[str, str] = {
    "runtime_state": "_PyRuntimeState",
    "interpreter_state": "PyInterpreterState",
    "thread_state": "PyThreadState",
    "interpreter_frame": "_PyInterpreterFrame",
    "code_object": "PyCodeObject",
    "pyobject": "PyObject",
    "type_object": "PyTypeObject",
    "tuple_object": "PyTupleObject",
    "list_object": "PyListObject",
    "set_object": "PySetObject",
    "dict_object": "PyDictObject",
    "float_object": "PyFloatObject",
    "long_object": "PyLongObject",
    "bytes_object": "PyBytesObject",
    "unicode_object": "PyASCIIObject",
    "gc": "_gc_runtime_state",
    "gen_object": "PyGenObject",
    "heap_type_object": "PyHeapTypeObject",
    "err_stackitem": "_PyErr_StackItem",
}
"""Sections of the offsets to the structs they describe."""

_FIELDS: Dict[Tuple[str, str], str] = {
    ("runtime_state", "finalizing"): "_finalizing",
    ("runtime_state", "interpreters_head"): "interpreters.head",
    ("interpreter_state", "threads_head"): "threads.head",
    ("interpreter_state", "threads_main"): "threads.main",
    ("interpreter_state", "imports_modules"): "imports.modules",
    ("interpreter_state", "ceval_gil"): "ceval.gil",
    ("interpreter_state", "gil_runtime_state"): "_gil",
    ("interpreter_state", "gil_runtime_state_locked"): "_gil.locked",
    ("interpreter_state", "gil_runtime_state_holder"): "_gil.last_holder",
    ("interpreter_state", "gil_runtime_state_enabled"): "_gil.enabled",
    ("interpreter_state", "code_object_generation"): "_code_object_generation",
    ("thread_state", "status"): "_status",
    ("interpreter_frame", "executable"): "f_executable",
    ("tuple_object", "ob_size"): "ob_base.ob_size",
    ("list_object", "ob_size"): "ob_base.ob_size",
    ("bytes_object", "ob_size"): "ob_base.ob_size",
    ("set_object", "used"): "used",
    ("long_object", "lv_tag"): "long_value.lv_tag",
    ("long_object", "ob_digit"): "long_value.ob_digit",
}
"""Fields whose name in the struct is not the one in the offsets (nor that with ``co_`` before it)."""


@dataclass(frozen=True)
class DebugOffsets:
    """What the header says. ``figures`` are the values by dotted name, in bytes."""

    address: int
    version_hex: int
    version: Tuple[int, int, int]
    version_text: str
    free_threaded: bool
    figures: Dict[str, int]
    layouts: Layouts
    moved: List[str]
    """The structs whose offsets differ from the table's."""


def version_of_hex(value: int) -> Tuple[int, int, int]:
    """``PY_VERSION_HEX`` to (major, minor, micro)."""
    return (value >> 24) & 0xFF, (value >> 16) & 0xFF, (value >> 8) & 0xFF


def text_of_hex(value: int) -> str:
    """``PY_VERSION_HEX`` as a person writes it: ``0x030d00f0`` is ``3.13.0``, ``0x030f00b2`` is ``3.15.0b2``."""
    level = {0xA: "a", 0xB: "b", 0xC: "rc"}.get((value >> 4) & 0xF, "")
    return "%d.%d.%d" % version_of_hex(value) + ("%s%d" % (level, value & 0xF) if level else "")


def read_debug_offsets(reader: Reader, address: int, machine: str = "x86_64", debug: bool = False) -> Optional[DebugOffsets]:
    """The offsets at ``address`` (``_Py_DebugOffsets *``), or ``None`` where there are none that make sense."""
    try:
        if reader.read(address, 8) != COOKIE:
            return None
        version_hex = reader.uint(address + 8, 8)
        free_threaded = reader.uint(address + 16, 8)
    except MemoryFault:
        return None
    version = version_of_hex(version_hex)
    if version[0] != 3 or not 13 <= version[1] <= 40 or version_hex >> 32 or free_threaded > 1:
        return None
    try:
        table = load(version, debug, bool(free_threaded), machine)
        form = table.struct("_Py_DebugOffsets")
        block = reader.read(address, form.size)
    except (NoTable, MemoryFault):
        return None
    order = "little" if reader.byte_order == "little" else "big"
    figures = {
        name: int.from_bytes(block[field.offset : field.offset + field.size], order)
        for name, field in form.fields.items()
        if "." in name and field.size == 8
    }
    if any(value > _LARGEST for value in figures.values()):
        return None
    layouts, moved = _apply(table, figures)
    layouts = replace(layouts, version=version, source="debug_offsets", free_threaded=bool(free_threaded))
    return DebugOffsets(address, version_hex, version, text_of_hex(version_hex), bool(free_threaded), figures, layouts, moved)


def _apply(table: Layouts, figures: Dict[str, int]) -> Tuple[Layouts, List[str]]:
    """The table with the offsets in their place.

    A field that the offsets do not cover moves with its covered neighbours: by the shift of the nearest covered field below it.
    """
    changed: Dict[str, StructLayout] = {}
    moved = []
    for section, name in _STRUCTS.items():
        struct = table.structs.get(name)
        if struct is None or section + ".size" not in figures and section != "err_stackitem":
            continue
        told: Dict[str, int] = {}
        for key, value in figures.items():
            part, _, short = key.partition(".")
            if part != section or short == "size" or short.endswith("object_size"):
                continue
            target = _FIELDS.get((section, short), short)
            told["co_" + short if target not in struct.fields and "co_" + short in struct.fields else target] = value
        size = figures.get(section + (".size" if section != "unicode_object" else ".asciiobject_size"), 0)
        updated = _moved(struct, told, max(size, 0))
        if updated is not struct:
            changed[name] = updated
            if any(updated.fields[key].offset != field.offset for key, field in struct.fields.items()):
                moved.append(name)
    structs = table.structs.with_changed(changed) if isinstance(table.structs, LazyStructs) else {**table.structs, **changed}
    return replace(table, structs=structs), moved


def _moved(struct: StructLayout, told: Dict[str, int], size: int) -> StructLayout:
    """One struct with the told offsets; the same object when nothing changes.

    A zero where the table has another figure was never filled in (``gil_runtime_state_enabled`` of a build with the GIL).
    The told size may be that of a larger struct round it.
    """
    told = {name: value for name, value in told.items() if value or (name in struct.fields and struct.fields[name].offset == 0)}
    shifts = sorted((struct.fields[name].offset, value - struct.fields[name].offset) for name, value in told.items() if name in struct.fields)
    fresh = {name: Field(value, 8) for name, value in told.items() if name not in struct.fields}
    if all(shift == 0 for _, shift in shifts):
        if not fresh:
            return struct
        return StructLayout(struct.name, struct.size, {**struct.fields, **fresh})
    fields: Dict[str, Field] = {}
    for name, field in struct.fields.items():
        shift = 0
        for offset, by in shifts:
            if offset > field.offset:
                break
            shift = by
        fields[name] = replace(field, offset=max(0, field.offset + shift))
    fields.update({name: replace(struct.fields[name], offset=value) for name, value in told.items() if name in struct.fields})
    fields.update(fresh)
    grown = struct.size + (shifts[-1][1] if shifts else 0)
    return StructLayout(struct.name, max(grown, size), fields)
