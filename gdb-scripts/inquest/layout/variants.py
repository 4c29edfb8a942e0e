"""Layouts that follow from others by rule, for builds that no table was generated from."""

from __future__ import annotations

from dataclasses import replace

from .model import Layouts, StructLayout


def with_trace_refs(layouts: Layouts) -> Layouts:
    """The layout of a ``Py_TRACE_REFS`` build: every object begins with ``_ob_next`` and ``_ob_prev`` (object.h).

    Up to 3.7 ``Py_DEBUG`` implies it. A struct is an object when its first member, however deep, is a reference count.
    """
    shift = 2 * layouts.pointer_size
    structs = {}
    for name, struct in layouts.structs.items():
        is_object = any(field.offset == 0 and path.split(".")[-1] == "ob_refcnt" for path, field in struct.fields.items())
        if not is_object:
            structs[name] = struct
            continue
        fields = {
            path: replace(field, offset=field.offset + shift) if field.offset or path.split(".")[-1] == "ob_refcnt" else replace(field, size=field.size + shift)
            for path, field in struct.fields.items()
        }
        structs[name] = StructLayout(name, struct.size + shift, fields)
    return replace(layouts, structs=structs, debug_build=True)
