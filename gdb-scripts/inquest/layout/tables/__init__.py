"""The generated layout tables: one JSON file for each minor version and variant.

``3.11.json`` was read from the DWARF of one patch release (its ``version``); a variant's name follows a dash:
``3.11-debug`` (``Py_DEBUG``), ``3.13-t`` (free-threaded), ``3.11-aarch64``, ``3.11-i386``. A table is read from disk on first use only.
"""

from __future__ import annotations

import json
import os
from typing import Dict, List, Tuple

from ..model import Layouts, from_json

_HERE = os.path.dirname(os.path.abspath(__file__))
_loaded: Dict[str, Layouts] = {}


class NoTable(Exception):
    """No table was generated for this version, variant or machine."""


def available() -> List[str]:
    """The names of all tables, such as ``3.11`` and ``3.13-t``."""
    return sorted(name[: -len(".json")] for name in os.listdir(_HERE) if name.endswith(".json"))


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
        try:
            with open(os.path.join(_HERE, name + ".json"), encoding="utf-8") as source:
                found = from_json(json.load(source), "table")
        except FileNotFoundError:
            raise NoTable(name) from None
        _loaded[name] = found
    return found


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
            return load_named(candidate)
        except NoTable:
            continue
    return load_named(name_of(version))


def minors() -> List[Tuple[int, int]]:
    """The minor versions there are tables of, newest first."""
    found = set()
    for name in available():
        major, minor = name.split("-")[0].split(".")[:2]
        found.add((int(major), int(minor)))
    return sorted(found, reverse=True)


def variants_of(version: Tuple[int, ...], machine: str = "x86_64", pointer_size: int = 8) -> List[str]:
    """The names of the tables to try for a version on a machine: plain, debug, free-threaded. Those of the machine itself come first."""
    wanted = [name_of(version, debug, free, machine) for free in (False, True) for debug in (False, True)]
    plain = [name_of(version, debug, free) for free in (False, True) for debug in (False, True)] if pointer_size == 8 else []
    there = set(available())
    return [name for name in dict.fromkeys(wanted + plain) if name in there]
