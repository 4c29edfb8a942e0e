"""The qualified name of a function in a function up to 3.10: its code is a constant of the code around it.

``outer.<locals>.inner`` is told by what the frame's module holds: functions under their own names, and those of its classes. What is
under another name, such as a decorated function, is left out, but the decorator that made it is there.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.mappings import iterate_dict
from ..objects.type_info import TYPE_SUBCLASS
from .chain import RawFrame
from .code import Code
from .image import Image
from .namespace import named_items

_CO_NESTED = 0x10
_MOST_VALUES = 5_000
_MOST_CONSTANTS = 1_000
_MOST_NESTED = 5_000

_Named = Tuple[str, int]


def enclosed(image: Image, frame: RawFrame, code: Code) -> Optional[str]:
    """None for a function that is in no other, and where the other is not found. Raises ``MemoryFault`` or ``LayoutMissing``."""
    if not code.flags & _CO_NESTED:
        return None
    namespace = image.pointer(frame.address, "PyFrameObject", "f_globals")
    known: Dict[int, Dict[int, str]] = image.caches.setdefault("enclosed", {})
    found = known.get(namespace)
    if found is None:
        found = known[namespace] = _nested(image, namespace, image.values.access.type_pointer(code.address))
    return found.get(code.address)


def _nested(image: Image, namespace: int, code_type: int) -> Dict[int, str]:
    """Qualified names by ``PyCodeObject *``. The first way that leads to one counts."""
    found: Dict[int, str] = {}
    waiting: List[_Named] = list(_functions(image, namespace, code_type))
    while waiting and len(found) < _MOST_NESTED:
        outer, around = waiting.pop()
        try:
            constants = image.values.tuple_items(image.pointer(around, "PyCodeObject", "co_consts"), _MOST_CONSTANTS)
        except (MemoryFault, LayoutMissing):
            continue
        for constant in constants:
            name = _code_name(image, constant, code_type)
            if name is not None and constant not in found:
                found[constant] = "%s.<locals>.%s" % (outer, name)
                waiting.append((found[constant], constant))
    return found


def _functions(image: Image, namespace: int, code_type: int) -> Iterator[_Named]:
    """(qualified name, ``PyCodeObject *``) of what a module holds under its own name."""
    left = _MOST_VALUES
    for name, value in named_items(image, namespace):
        for qualname, own, candidate in ((name, name, value), *_methods(image, value)):
            left -= 1
            if left < 0:
                return
            code = image.optional_pointer(candidate, "PyFunctionObject", "func_code")
            if code and _code_name(image, code, code_type) == own:
                yield qualname, code


def _methods(image: Image, value: int) -> Iterator[Tuple[str, str, int]]:
    types = image.values.types
    try:
        if not types.flags(image.values.access.type_pointer(value)) & TYPE_SUBCLASS:
            return
        _, _, qualname = types.names(value)
        namespace = image.pointer(value, "PyTypeObject", "tp_dict")
        for key, attribute in iterate_dict(image.values.access, namespace) if namespace else ():
            name = types.key_text(key)
            if name:
                yield "%s.%s" % (qualname, name), name, attribute
    except (MemoryFault, LayoutMissing):
        return


def _code_name(image: Image, address: int, code_type: int) -> Optional[str]:
    try:
        if image.values.access.type_pointer(address) != code_type:
            return None
        return image.text(image.pointer(address, "PyCodeObject", "co_name"))
    except (MemoryFault, LayoutMissing):
        return None
