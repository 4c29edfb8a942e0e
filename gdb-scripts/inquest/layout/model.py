"""The layout of CPython's structs, as frozen data.

Names are CPython's own for the version at hand (``PyThreadState``, ``_PyInterpreterFrame``, ``PyFrameObject``), nested
members dotted (``_PyRuntimeState`` ``gilstate.tstate_current``). Readers ask for features, not versions:
``layouts.has("PyThreadState", "cframe")``. Where the figures came from is told by ``source``.
"""

from __future__ import annotations

from dataclasses import dataclass, field as dataclass_field
from typing import Dict, Iterator, Mapping, Optional, Tuple


class LayoutMissing(Exception):
    """A struct or field that this interpreter's layout does not have."""


@dataclass(frozen=True)
class Field:
    """``offset`` and ``size`` in bytes from the start of the struct; bit fields give ``bit`` and ``bits`` too."""

    offset: int
    size: int
    bit: int = 0
    bits: int = 0


@dataclass(frozen=True)
class StructLayout:
    """One struct: its C name, its size in bytes, its fields by dotted name."""

    name: str
    size: int
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Layouts:
    """All structs of one interpreter.

    ``version`` is (major, minor, micro); ``source`` is ``debug_offsets``, ``dwarf`` or ``table``.
    """

    version: Tuple[int, int, int]
    source: str
    structs: Mapping[str, StructLayout]
    pointer_size: int = 8
    free_threaded: bool = False
    debug_build: bool = False
    constants: Mapping[str, int] = dataclass_field(default_factory=dict)

    def constant(self, name: str) -> Optional[int]:
        """The value of an enumerator such as ``FRAME_OWNED_BY_CSTACK``; ``None`` where this version has no such name."""
        return self.constants.get(name)

    def struct(self, name: str) -> StructLayout:
        found = self.structs.get(name)
        if found is None:
            raise LayoutMissing(name)
        return found

    def field(self, struct: str, name: str) -> Field:
        found = self.struct(struct).fields.get(name)
        if found is None:
            raise LayoutMissing("%s.%s" % (struct, name))
        return found

    def offset(self, struct: str, name: str) -> int:
        return self.field(struct, name).offset

    def size(self, struct: str) -> int:
        return self.struct(struct).size

    def has(self, struct: str, name: Optional[str] = None) -> bool:
        found = self.structs.get(struct)
        return found is not None and (name is None or name in found.fields)


class LazyStructs(Mapping[str, StructLayout]):
    """The structs of a table's JSON, each built when first asked for: a report needs a third of them. ``changed`` ones come first."""

    def __init__(self, entries: Mapping[str, Mapping], changed: Optional[Mapping[str, StructLayout]] = None) -> None:
        self._entries = entries
        self._built: Dict[str, StructLayout] = dict(changed or {})

    def __getitem__(self, name: str) -> StructLayout:
        found = self._built.get(name)
        if found is None:
            entry = self._entries[name]
            fields = {field: Field(*figures) for field, figures in entry["fields"].items()}
            found = self._built[name] = StructLayout(name, entry["size"], fields)
        return found

    def get(self, key: str, default: Optional[StructLayout] = None) -> Optional[StructLayout]:  # type: ignore[override]
        """As a mapping's, without an exception for what is not there."""
        return self._built.get(key) or (self[key] if key in self._entries else default)

    def __iter__(self) -> Iterator[str]:
        return iter({**self._built, **self._entries})

    def __len__(self) -> int:
        return len({**self._built, **self._entries})

    def __contains__(self, name: object) -> bool:
        return name in self._built or name in self._entries

    def with_changed(self, changed: Mapping[str, StructLayout]) -> LazyStructs:
        """These structs with some others in their place."""
        return LazyStructs(self._entries, {**self._built, **changed})


def from_json(document: Mapping, source: str, **extra) -> Layouts:
    """A layout from a table's JSON.

    ``{"version": [3,8,18], "pointer_size": 8, "debug_build": false, "free_threaded": false, "constants": {NAME: N},
    "structs": {NAME: {"size": N, "fields": {NAME: [offset, size, bit?, bits?]}}}}``; all but version and structs may be left out.
    """
    structs = LazyStructs(document["structs"])
    major, minor, micro = document["version"]
    for key in ("pointer_size", "debug_build", "free_threaded", "constants"):
        if key in document:
            extra.setdefault(key, document[key])
    return Layouts((major, minor, micro), source, structs, **extra)
