"""Layouts that follow from others by rule, for builds that no table was generated from."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional

from .model import Field, Layouts, StructLayout


_EXTENDS_AN_OBJECT = ("defdictobject",)
"""Structs whose first member is another whole object, of which the tables keep no fields (``PyDictObject dict``)."""


def with_header(struct: StructLayout, old: StructLayout, new: StructLayout) -> Optional[StructLayout]:
    """``struct`` with another object header (``PyObject``): every later member moves. ``None`` when it does not begin with one."""
    prefix = next((path[: -len("ob_type")] for path, field in struct.fields.items() if path.split(".")[-1] == "ob_type" and field == old.fields["ob_type"]), None)
    if (prefix is None and struct.name not in _EXTENDS_AN_OBJECT) or struct.name == "PyObject":
        return None
    shift = new.size - old.size
    fields: Dict[str, Field] = {}
    for path, field in struct.fields.items():
        if prefix is not None and path.startswith(prefix) and path[len(prefix) :] in old.fields:
            continue
        if field.offset == 0 and field.size >= old.size:
            fields[path] = replace(field, size=field.size + shift)
        else:
            fields[path] = replace(field, offset=field.offset + shift)
    if prefix is not None:
        fields.update({prefix + name: field for name, field in new.fields.items()})
    return StructLayout(struct.name, struct.size + shift, fields)


def with_trace_refs(layouts: Layouts) -> Layouts:
    """The layout of a ``Py_TRACE_REFS`` build: every object begins with ``_ob_next`` and ``_ob_prev`` (object.h).

    Up to 3.7 ``Py_DEBUG`` implies it.
    """
    size = layouts.pointer_size
    old = layouts.struct("PyObject")
    fields = {"_ob_next": Field(0, size), "_ob_prev": Field(size, size)}
    fields.update({name: replace(field, offset=field.offset + 2 * size) for name, field in old.fields.items()})
    new = StructLayout("PyObject", old.size + 2 * size, fields)
    structs = {name: with_header(struct, old, new) or struct for name, struct in layouts.structs.items()}
    structs["PyObject"] = new
    return replace(layouts, structs=structs, debug_build=True)


def for_aarch64(layouts: Layouts) -> Layouts:
    """The layout on aarch64 with glibc, from that on x86-64: ``pthread_mutex_t`` is 48 bytes there, not 40. All else is the same in LP64."""
    structs = {}
    for name, struct in layouts.structs.items():
        mutexes = sorted({field.offset for path, field in struct.fields.items() if path.split(".")[-1] in ("mutex", "switch_mutex") and field.size == 40})
        if not mutexes:
            structs[name] = struct
            continue
        fields = {}
        for path, field in struct.fields.items():
            before = sum(1 for at in mutexes if at < field.offset)
            inside = sum(1 for at in mutexes if field.offset <= at < field.offset + field.size)
            fields[path] = replace(field, offset=field.offset + 8 * before, size=field.size + 8 * inside)
        structs[name] = StructLayout(name, struct.size + 8 * len(mutexes), fields)
    return replace(layouts, structs=structs)
