"""Which version of CPython a file is, told by the file: never by running it."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from .elf import PF_W, PT_LOAD, ElfFile
from .layout.debug_offsets import text_of_hex, version_of_hex
from .modules import Module

OLDEST, NEWEST = (2, 7), (3, 15)

_IN_NAME = re.compile(r"python-?([23])\.?(\d{1,2})(?!\d)")
_PLAIN = re.compile(rb"\0((?:2\.7|3\.(?:[6-9]|1\d|20))\.(\d{1,2})((?:a|b|rc)\d{1,2})?\+?)\0")
_IN_PATHS = re.compile(rb"python(2\.7|3\.(?:[6-9]|1\d))(?!\d)")
_LARGEST_SEARCH = 256 << 20


class VersionHint(NamedTuple):
    """A version and what told it: ``Py_Version``, ``the version string of the file``, ``the file's name``."""

    version: Tuple[int, int, int]
    text: str
    told_by: str


def parse(text: str) -> Optional[Tuple[int, int, int]]:
    """``3.15.0b2+`` is (3, 15, 0); ``None`` for what is no version."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(match.group(1)), int(match.group(2)), int(match.group(3))) if match else None


def from_name(path: str) -> Optional[Tuple[int, int]]:
    """``libpython3.11.so.1.0`` and ``/usr/bin/python3.11`` are (3, 11); ``None`` for a name that tells none."""
    match = _IN_NAME.search(path.rsplit("/", 1)[-1])
    return (int(match.group(1)), int(match.group(2))) if match else None


def hints(module: Module) -> List[VersionHint]:
    """What the module's file and name say, most reliable first."""
    found: List[VersionHint] = []
    named = from_name(module.path)
    for elf in (module.elf, module.debug_elf):
        if elf is None:
            continue
        symbol = elf.symbols(["Py_Version"]).get("Py_Version")
        raw = elf.read_address(symbol.value, elf.pointer_size) if symbol is not None else None
        if raw is not None:
            value = int.from_bytes(raw, "little" if elf.byte_order == "little" else "big")
            if OLDEST <= version_of_hex(value)[:2]:
                found.append(VersionHint(version_of_hex(value), text_of_hex(value), "Py_Version"))
    if module.elf is not None and not found:
        found.extend(_in_strings(module.elf, named))
    if module.elf is not None and not found:
        found.extend(_in_paths(module.elf))
    if named is not None:
        found.append(VersionHint((named[0], named[1], 0), "%d.%d" % named, "the file's name"))
    return found


def _in_strings(elf: ElfFile, named: Optional[Tuple[int, int]]) -> List[VersionHint]:
    """``PY_VERSION`` among the read-only strings. A library knows other versions than its own; one that it also writes as ``pythonX.Y`` comes first."""
    ranked = []
    for offset, end in _constant_areas(elf):
        for match in _PLAIN.finditer(elf.data, offset, end):
            text = match.group(1).decode("ascii")
            version = parse(text)
            if version is None:
                continue
            confirmed = elf.find(b"python%d.%d" % version[:2], offset, end) >= 0
            ranked.append((version[:2] != named, not confirmed, len(ranked), VersionHint(version, text, "the version string of the file")))
            if len(ranked) >= 64:
                break
    good = [hint for _, unconfirmed, _, hint in sorted(ranked) if not unconfirmed or version_matches(hint, named)]
    # A program that Python was linked into need not hold a path of its library: the one version it knows will be it.
    return good or ([each[3] for each in ranked[:1]] if len({each[3].version[:2] for each in ranked}) == 1 else [])


def _in_paths(elf: ElfFile) -> List[VersionHint]:
    """The minor versions of ``pythonX.Y`` in the read-only strings (the default module path is among them), commonest first."""
    counted: Dict[Tuple[int, int], int] = {}
    for offset, end in _constant_areas(elf):
        for count, match in enumerate(_IN_PATHS.finditer(elf.data, offset, end)):
            if count >= 1000:
                break
            major, minor = match.group(1).split(b".")
            counted[int(major), int(minor)] = counted.get((int(major), int(minor)), 0) + 1
    ordered = sorted(counted, key=lambda minor: -counted[minor])[:3]
    return [VersionHint((minor[0], minor[1], 0), "%d.%d" % minor, "the paths in the file") for minor in ordered]


def _constant_areas(elf: ElfFile) -> List[Tuple[int, int]]:
    """(start, end) in the file of what holds string constants."""
    section = elf.sections.get(".rodata")
    if section is not None:
        areas = [(section.offset, section.size)]
    else:
        areas = [(s.offset, s.filesz) for s in elf.segments if s.type == PT_LOAD and not s.flags & PF_W]
    return [(offset, min(offset + size, elf.length, offset + _LARGEST_SEARCH)) for offset, size in areas]


def version_matches(hint: VersionHint, named: Optional[Tuple[int, int]]) -> bool:
    return named is not None and hint.version[:2] == named
