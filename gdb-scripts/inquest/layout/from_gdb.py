"""Layouts from the interpreter's own DWARF, read through gdb's types.

Gives the same names as the tables do, by the same catalogue. A bit field's ``offset`` and ``size`` are those of the storage unit
that holds it, ``bit`` counts from that unit's least significant bit. Expanding a type's compilation unit is what costs (5 to 25 ms
each), so a table that DWARF agrees with serves in its place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, Optional, Sequence, Tuple

import gdb

from inquest.layout import catalogue, tables, trusted
from inquest.layout.model import Field, Layouts, StructLayout

_COMPOSITE = (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION)
_MOST_FIELDS = 20_000

_TELLING = (
    "PyObject",
    "_PyRuntimeState",
    "PyInterpreterState",
    "PyThreadState",
    "_PyInterpreterFrame",
    "PyFrameObject",
    "PyCodeObject",
    "PyTypeObject",
    "PyCompactUnicodeObject",
)
"""Structs that change with the build's options and the patch release; the others change with the minor version at most."""


def collect(kind: "gdb.Type", base: int = 0, prefix: str = "", fields: Optional[Dict[str, Field]] = None) -> Dict[str, Field]:
    """The fields of a struct or union by dotted name; members of anonymous ones stand at their parent's level. ``base`` in bytes."""
    found: Dict[str, Field] = {} if fields is None else fields
    for member in kind.fields():
        # A C++ static member has no position; names in __ are the inside of a pthread type.
        if not hasattr(member, "bitpos") or (member.name or "").startswith("__") or len(found) >= _MOST_FIELDS or member.type is None:
            continue
        inner = member.type.strip_typedefs()
        position = member.bitpos or 0
        if member.bitsize:
            unit = max(inner.sizeof, 1)
            start = position // 8 // unit * unit
            if member.name:
                found[prefix + member.name] = Field(base + start, unit, position - 8 * start, member.bitsize)
            continue
        offset = base + position // 8
        if member.name:
            found[prefix + member.name] = Field(offset, inner.sizeof)
            if inner.code in _COMPOSITE and member.name not in catalogue.OPAQUE:
                collect(inner, offset, prefix + member.name + ".", found)
        elif inner.code in _COMPOSITE:
            collect(inner, offset, prefix, found)
    return found


def struct_layout(name: str) -> Optional[StructLayout]:
    """The struct that the catalogue calls ``name``; None when the DWARF has no complete definition of it."""
    for candidate in catalogue.STRUCTS.get(name, (name, "struct " + name)):
        try:
            kind = gdb.lookup_type(candidate).strip_typedefs()
            if kind.code not in _COMPOSITE or not kind.sizeof or not kind.fields():
                continue
            return StructLayout(name, kind.sizeof, collect(kind))
        except (gdb.error, RuntimeError, RecursionError):
            continue
    return None


def _python_version() -> Tuple[int, int, int]:
    """``Py_Version`` (3.11+), 0.0.0 where there is none."""
    try:
        value = int(gdb.parse_and_eval("*(unsigned long *) &Py_Version"))
    except (gdb.error, RuntimeError, ValueError):
        return (0, 0, 0)
    return (value >> 24 & 0xFF, value >> 16 & 0xFF, value >> 8 & 0xFF)


def _constants() -> Dict[str, int]:
    found: Dict[str, int] = {}
    for name in catalogue.CONSTANTS:
        try:
            found[name] = int(gdb.parse_and_eval("(long) " + name))
        except (gdb.error, RuntimeError, ValueError):
            continue
    return found


def _agrees(table: StructLayout, dwarf: StructLayout) -> bool:
    return table.size == dwarf.size and dict(table.fields) == dict(dwarf.fields)


def _confirmed(table: Layouts) -> Optional[Layouts]:
    """The table itself, now with DWARF's word for it, when the structs that differ between builds are exactly as DWARF has them."""
    for name in _TELLING:
        expected, found = table.structs.get(name), struct_layout(name)
        if (expected is None) != (found is None) or (expected is not None and found is not None and not _agrees(expected, found)):
            return None
    return replace(table, source="dwarf")


def _best_table(version: Tuple[int, int, int]) -> Iterator[Layouts]:
    head = struct_layout("PyObject")
    fields = head.fields if head is not None else {}
    try:
        yield tables.load(version, debug="_ob_next" in fields, free_threaded="ob_ref_local" in fields)
    except tables.NoTable:
        return


def read_all(version: Tuple[int, int, int]) -> Layouts:
    """Every struct of the catalogue that DWARF defines. Costs 200 to 300 ms."""
    structs: Dict[str, StructLayout] = {}
    for name in catalogue.STRUCTS:
        found = struct_layout(name)
        if found is not None:
            structs[name] = found
    head = structs.get("PyObject")
    fields = head.fields if head is not None else {}
    return Layouts(
        version,
        "dwarf",
        structs,
        pointer_size=gdb.lookup_type("char").pointer().sizeof,
        free_threaded="ob_ref_local" in fields,
        debug_build="_ob_next" in fields,
        constants=_constants(),
    )


def _of_an_interpreter(version: Tuple[int, int, int]) -> bool:
    """Whether gdb has the DWARF of an interpreter, and not only that of extensions."""
    return all(struct_layout(name) is not None for name in trusted.inside(version))


def layouts_from_gdb(hint: Sequence[int] = ()) -> Optional[Layouts]:
    """The layout of the interpreter that gdb has loaded; None without DWARF of it.

    ``hint`` is its version as the caller knows it; without one ``Py_Version`` tells it (3.11+), else it is 0.0.0. Where there is a table for that
    version and DWARF agrees with it on the telling structs, the table is taken for the rest, which saves most of the time.
    """
    if struct_layout("PyThreadState") is None:
        return None
    # Asking for a variable that is not there makes gdb read every compilation unit.
    version = (hint[0], hint[1], hint[2] if len(hint) > 2 else 0) if len(hint) >= 2 else _python_version()
    if not _of_an_interpreter(version):
        return None
    for table in _best_table(version):
        confirmed = _confirmed(table)
        if confirmed is not None:
            return replace(confirmed, version=version)
    return read_all(version)


def confirms(version: Tuple[int, int, int], table: str) -> Optional[bool]:
    """Whether ``layouts_from_gdb`` would take the table of this name for that version; None where gdb has no DWARF of an interpreter."""
    if not _of_an_interpreter(version):
        return None
    return any(tables.name_of_table(found) == table and _confirmed(found) is not None for found in _best_table(version))
