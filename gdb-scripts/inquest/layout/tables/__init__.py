"""The generated layout tables: one JSON file for each minor version and variant.

``3.11.json`` was read from the DWARF of one patch release (its ``version``); a variant's name follows a dash:
``3.11-debug`` (``Py_DEBUG``), ``3.13-t`` (free-threaded), ``3.11-aarch64``, ``3.11-i386``. ``3.13.18`` is for that patch release and later
ones of 3.13, where structs changed within a minor version. A table with a ``base`` holds only what differs from that one.
A table is read from disk on first use only.
"""

from __future__ import annotations

import json
import os
from typing import Dict, List, Optional, Tuple

from ..model import Layouts, from_json

_HERE = os.path.dirname(os.path.abspath(__file__))
_loaded: Dict[str, Layouts] = {}
_available: List[str] = []


class NoTable(Exception):
    """No table was generated for this version, variant or machine."""


def available() -> List[str]:
    """The names of all tables, such as ``3.11`` and ``3.13-t``."""
    if not _available:
        _available.extend(sorted(name[: -len(".json")] for name in os.listdir(_HERE) if name.endswith(".json")))
    return _available


def name_of(version: Tuple[int, ...], debug: bool = False, free_threaded: bool = False, machine: str = "x86_64") -> str:
    """The name of the table for a version."""
    parts = ["%d.%d" % (version[0], version[1])]
    if free_threaded:
        parts.append("t")
    if debug:
        parts.append("debug")
    if machine != "x86_64":
        parts.append(machine)
    return "-".join(parts)


def load_named(name: str) -> Layouts:
    """A table by its name; raises ``NoTable``."""
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = from_json(_document(name), "table")
    return found


def name_of_table(layouts: Layouts) -> Optional[str]:
    """Which table these are the structs of; None for a layout of another origin, or one that was changed since."""
    return next((name for name, table in _loaded.items() if table.structs is layouts.structs), None)


def _document(name: str, depth: int = 0) -> Dict:
    try:
        with open(os.path.join(_HERE, name + ".json"), encoding="utf-8") as source:
            document = json.load(source)
    except FileNotFoundError:
        raise NoTable(name) from None
    base = document.get("base")
    if base is not None and depth < 4:
        below = _document(base, depth + 1)
        document["structs"] = {**below["structs"], **document["structs"]}
        document["constants"] = {**below.get("constants", {}), **document.get("constants", {})}
    return document


def for_patch(name: str, version: Tuple[int, ...]) -> str:
    """The table for a patch release: ``3.13`` with (3, 13, 20) is ``3.13.18``, when that is the newest one that is not newer."""
    minor, dash, variant = name.partition("-")
    best, best_micro = name, -1
    for other in available():
        number, _, kind = other.partition("-")
        parts = number.split(".")
        if len(parts) == 3 and kind == variant and ".".join(parts[:2]) == minor and best_micro < int(parts[2]) <= version[2]:
            best, best_micro = other, int(parts[2])
    return best


def load(version: Tuple[int, ...], debug: bool = False, free_threaded: bool = False, machine: str = "x86_64") -> Layouts:
    """The table for ``version`` (major, minor, …), as exact as there is one; raises ``NoTable``.

    A variant that has no table of its own falls back to the plain build, whose structs are nearly the same: the caller
    validates what it loads on the live structures and compares ``debug_build``, ``free_threaded`` and ``pointer_size`` with what it asked for.
    """
    for candidate in (
        name_of(version, debug, free_threaded, machine),
        name_of(version, debug, free_threaded),
        name_of(version, False, free_threaded, machine),
        name_of(version, False, False, machine),
    ):
        try:
            return load_named(for_patch(candidate, version) if len(version) > 2 else candidate)
        except NoTable:
            continue
    return load_named(name_of(version))


def minors() -> List[Tuple[int, int]]:
    """The minor versions there are tables of, newest first."""
    found = set()
    for name in available():
        if name.split("-")[0].count(".") > 1:
            continue
        major, minor = name.split("-")[0].split(".")[:2]
        found.add((int(major), int(minor)))
    return sorted(found, reverse=True)


def variants_of(version: Tuple[int, ...], machine: str = "x86_64", pointer_size: int = 8) -> List[str]:
    """The names of the tables to try for a version on a machine: plain, debug, free-threaded. Those of the machine itself come first."""
    wanted = [name_of(version, debug, free, machine) for free in (False, True) for debug in (False, True)]
    plain = [name_of(version, debug, free) for free in (False, True) for debug in (False, True)] if pointer_size == 8 else []
    there = set(available())
    return [name for name in dict.fromkeys(wanted + plain) if name in there]
