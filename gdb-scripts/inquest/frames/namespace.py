"""Look-ups by name in the dead heap: ``sys.modules``, a module's globals, an instance's attributes."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.mappings import iterate_dict
from ..objects.type_info import DICT_SUBCLASS
from .image import Image

MOST_ENTRIES = 20_000


def named_items(image: Image, mapping: int, limit: int = MOST_ENTRIES) -> Iterator[Tuple[str, int]]:
    """(name, ``PyObject *``) for the string keys of a ``PyDictObject *``; ends quietly where the dict is damaged."""
    values = image.values
    try:
        for count, (key, value) in enumerate(iterate_dict(values.access, mapping)):
            if count >= limit:
                return
            try:
                name = values.types.key_text(key)
            except MemoryFault:
                continue
            if name is not None and value:
                yield name, value
    except (MemoryFault, LayoutMissing):
        return


def lookup(image: Image, mapping: int, name: str, limit: int = MOST_ENTRIES) -> int:
    """The value under ``name``; 0 when it is not there or the dict cannot be read."""
    for found, value in named_items(image, mapping, limit):
        if found == name:
            return value
    return 0


def module_globals(image: Image, module: int) -> int:
    """``PyModuleObject.md_dict``; 0 when there is no dict, as in most objects that are no modules."""
    try:
        namespace = image.pointer(module, "PyModuleObject", "md_dict")
        values = image.values
        return namespace if values.types.flags(values.access.type_pointer(namespace)) & DICT_SUBCLASS else 0
    except (MemoryFault, LayoutMissing):
        return 0


def module_global(image: Image, modules: int, module: str, name: str) -> int:
    """``sys.modules[module].name``, or 0. ``modules`` is the ``PyDictObject *`` of ``sys.modules``."""
    found = lookup(image, modules, module)
    namespace = module_globals(image, found) if found else 0
    return lookup(image, namespace, name) if namespace else 0


def attribute(image: Image, instance: int, name: str) -> int:
    """The instance's own attribute (slot, ``__dict__`` or inline value), or 0."""
    try:
        for key, value in image.values.attributes.named(instance, image.values.type_of(instance)):
            if key == name:
                return value
    except (MemoryFault, LayoutMissing):
        pass
    return 0


def text(image: Image, value: int) -> Optional[str]:
    """The content of a ``str`` (2.7: ``str`` or ``unicode``), or None."""
    if not value:
        return None
    try:
        return image.text(value)
    except (MemoryFault, LayoutMissing):
        return None
