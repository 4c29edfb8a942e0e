"""Which versions of which distributions were installed, from the heap: the import system's own listing of each folder.

``sys.path_importer_cache`` maps a folder to its ``FileFinder``, whose ``_path_cache`` is the set of the folder's entries
(Lib/importlib/_bootstrap_external.py): ``numpy-2.1.0.dist-info`` among them. The crashed machine's disk is not needed.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable

from .frames.image import Image
from .frames.namespace import attribute, lookup, named_items, text
from .layout.model import LayoutMissing
from .memory import MemoryFault

_MOST_FOLDERS = 256
_MOST_ENTRIES = 20_000
_METADATA = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)-(?P<version>[0-9][A-Za-z0-9.+!_]*?)(?:-py[0-9.]+)?\.(?:dist|egg)-info")


def normalised(name: str) -> str:
    """As the packaging specifications compare names."""
    return re.sub(r"[-_.]+", "_", name).lower()


def installed_versions(image: Image, interpreter: Any) -> Dict[str, Dict[str, str]]:
    """By folder: the normalised name of a distribution to its version. A name that a folder has twice is left out."""
    found: Dict[str, Dict[str, str]] = {}
    finders = lookup(image, interpreter.sysdict, "path_importer_cache") if interpreter.sysdict and image.version[0] > 2 else 0
    for folder, finder in named_items(image, finders, _MOST_FOLDERS) if finders else []:
        if folder.rstrip("/").endswith(("-packages", "/lib")):
            entries = _entries(image, finder)
            if entries:
                found[folder.rstrip("/")] = _versions(entries)
    return found


def _entries(image: Image, finder: int) -> Iterable[str]:
    try:
        cache = attribute(image, finder, "_path_cache")
        names = [text(image, item) for item in image.values.set_items(cache, _MOST_ENTRIES)] if cache else []
        return [name for name in names if name is not None]
    except (MemoryFault, LayoutMissing):
        return []


def _versions(entries: Iterable[str]) -> Dict[str, str]:
    versions: Dict[str, str] = {}
    twice = set()
    for entry in entries:
        match = _METADATA.fullmatch(entry)
        if match is not None:
            name = normalised(match["name"])
            if name in versions and versions[name] != match["version"]:
                twice.add(name)
            versions[name] = match["version"]
    return {name: version for name, version in versions.items() if name not in twice}
