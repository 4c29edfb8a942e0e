"""What was imported: modules whose import had begun and not ended, and extension modules with their versions."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from .distributions import normalised
from .frames.chain import Chain
from .frames.code import read_code
from .frames.image import Image
from .frames.local_variables import slots
from .frames.namespace import attribute, lookup, module_globals, named_items, text
from .layout.model import LayoutMissing
from .memory import MemoryFault

_MOST_MODULES = 20_000
# The attributes that the import system sets come first in a module's dict (moduleobject.c, _bootstrap._init_module_attrs).
_FIRST_ATTRIBUTES = 24
_SUFFIXES = (".so", ".pyd")


# Where the standard library's own extensions are: installed, and in a build that was not installed.
_STANDARD = ("/lib-dynload/", "/build/lib.")

Versions = Mapping[str, Mapping[str, str]]


def extension_modules(image: Image, modules: int, installed: Optional[Versions] = None) -> List[Dict[str, Any]]:
    """``python.extension_modules`` of the report, in the order of ``sys.modules`` (a ``PyDictObject *``).

    ``installed``: versions of distributions by folder (``distributions``).
    """
    out: List[Dict[str, Any]] = []
    seen = set()
    for name, module in named_items(image, modules, _MOST_MODULES):
        namespace = module_globals(image, module)
        path = _origin(image, namespace) if namespace else None
        if path is None or not path.endswith(_SUFFIXES) or (name, path) in seen:
            continue
        seen.add((name, path))
        third_party = not any(folder in path for folder in _STANDARD)
        version = _version(image, modules, name, path, namespace, installed or {}) if third_party else text(image, lookup(image, namespace, "__version__"))
        out.append({"name": name, "path": path, "version": version[:64] if version is not None else None, "third_party": third_party, "crash_frame": None})
    return out


def _origin(image: Image, namespace: int) -> Optional[str]:
    """``__spec__.origin``; ``__file__`` where there is no spec (2.7)."""
    if image.version[0] == 2:
        return text(image, lookup(image, namespace, "__file__"))
    spec = lookup(image, namespace, "__spec__", _FIRST_ATTRIBUTES)
    return text(image, attribute(image, spec, "origin")) if spec else None


def _version(image: Image, modules: int, name: str, path: str, namespace: int, installed: Versions) -> Optional[str]:
    """Of the distribution beside which it lies, else ``__version__`` of the package it belongs to, else its own, which may count something else."""
    package = name.partition(".")[0]
    for folder, versions in installed.items():
        if path.startswith(folder + "/") and normalised(package) in versions:
            return versions[normalised(package)]
    found: Optional[str] = None
    if package != name:
        outer = lookup(image, modules, package)
        outer_namespace = module_globals(image, outer) if outer else 0
        found = text(image, lookup(image, outer_namespace, "__version__")) if outer_namespace else None
    return found if found is not None else text(image, lookup(image, namespace, "__version__"))


def modules_being_imported(image: Image, modules: int, chains: Iterable[Chain]) -> List[str]:
    """Outermost first: what the import system's own frames say, then modules whose spec is still initializing."""
    out: List[str] = []
    for chain in chains:
        for name in reversed(importing(image, chain)):
            if name not in out:
                out.append(name)
    if image.version[0] >= 3 and modules:
        for name, module in named_items(image, modules, _MOST_MODULES):
            if name not in out and _initializing(image, module):
                out.append(name)
    return out


def importing(image: Image, chain: Chain) -> List[str]:
    """Innermost first: ``name`` of each ``importlib._bootstrap._find_and_load``; in 2.7 the file names of ``<module>`` frames."""
    out: List[str] = []
    for frame in chain.frames[:10_000]:
        code = read_code(image, frame.code)
        if code.name == "_find_and_load" and str(code.filename).startswith("<frozen importlib._bootstrap"):
            name = _local_text(image, frame, code, "name")
        elif code.name == "<module>" and image.version[0] == 2:
            name = _module_name(image, frame.address)
        else:
            continue
        if name is not None and name not in out:
            out.append(name)
    return out


def _local_text(image: Image, frame: Any, code: Any, wanted: str) -> Optional[str]:
    try:
        for name, value in slots(image, frame, code):
            if name == wanted:
                return text(image, value)
    except (MemoryFault, LayoutMissing):
        pass
    return None


def _module_name(image: Image, frame: int) -> Optional[str]:
    """``__name__`` of the globals of a ``PyFrameObject *``; None for the main module."""
    namespace = image.optional_pointer(frame, "PyFrameObject", "f_globals") or 0
    name = text(image, lookup(image, namespace, "__name__", _FIRST_ATTRIBUTES)) if namespace else None
    return None if name == "__main__" else name


def _initializing(image: Image, module: int) -> bool:
    """``module.__spec__._initializing is True``."""
    namespace = module_globals(image, module)
    spec = lookup(image, namespace, "__spec__", _FIRST_ATTRIBUTES) if namespace else 0
    value = attribute(image, spec, "_initializing") if spec else 0
    try:
        return bool(value) and image.values.repr(value)[1] == "True"
    except (MemoryFault, LayoutMissing):
        return False


def loaded(image: Image, modules: int, names: Tuple[str, ...]) -> bool:
    """Whether one of ``names`` is in ``sys.modules``."""
    return any(name in names for name, _ in named_items(image, modules, _MOST_MODULES))
