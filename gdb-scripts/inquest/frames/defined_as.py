"""The qualified name of a frame's function up to 3.10, where code objects have none: ``Cart.total``, told by the class that defines it.

The first argument leads there: its type, or itself where it is a class, and what that derives from. A method counts when its
``func_code`` is the frame's own code, so nothing is guessed. Functions in functions are told by ``enclosing``; methods that were taken out of their class stay without.
"""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.type_info import TYPE_SUBCLASS
from .chain import RawFrame
from .code import Code
from .enclosing import enclosed
from .image import Image
from .local_variables import slots

_LONGEST_NAME = 500
# A code object whose class was not found so often is no method; a deep recursion of a function must not be looked at 100,000 times.
_MOST_TRIES = 4
# What may stand around a function in a class.
_AROUND = (
    ("propertyobject", "prop_get"),
    ("propertyobject", "prop_set"),
    ("propertyobject", "prop_del"),
    ("classmethod", "cm_callable"),
    ("staticmethod", "sm_callable"),
)


def defined_as(image: Image, frame: RawFrame, code: Code) -> Optional[str]:
    """None where the code object tells its qualified name itself, and where no class is found."""
    if code.qualname is not None or image.version >= (3, 11):
        return None
    names, tries = image.caches.setdefault("defined_as", {}), image.caches.setdefault("defined_as_tries", {})
    found = names.get(code.address)
    if found is None and tries.get(code.address, 0) < _MOST_TRIES:
        tries[code.address] = tries.get(code.address, 0) + 1
        try:
            found = enclosed(image, frame, code) or _of_first_argument(image, frame, code)
        except (MemoryFault, LayoutMissing):
            found = None
        if found is not None:
            names[code.address] = found
    return found


def _of_first_argument(image: Image, frame: RawFrame, code: Code) -> Optional[str]:
    name, value = next(slots(image, frame, code), ("", 0)) if code.names else ("", 0)
    if not code.names or name != code.names[0]:
        return None
    for owner in _classes(image, value):
        try:
            _, _, qualname = image.values.types.names(owner)
            private = code.name.startswith("__") and not code.name.endswith("__")
            key = "_%s%s" % (qualname.rsplit(".", 1)[-1].lstrip("_"), code.name) if private else code.name
            attribute = image.values.types.own_attribute(owner, key)
        except (MemoryFault, LayoutMissing):
            continue
        function = _function_of(image, attribute, code) if attribute else None
        if function is not None:
            return _told_by(image, function, code) or "%s.%s" % (qualname, code.name)
    return None


def _classes(image: Image, value: int) -> Tuple[int, ...]:
    types = image.values.types
    kind = image.values.type_of(value)
    if types.flags(kind.address) & TYPE_SUBCLASS:
        return image.values.type_info(value).mro_addresses + kind.mro_addresses
    return kind.mro_addresses


def _function_of(image: Image, attribute: int, code: Code) -> Optional[int]:
    for candidate in (attribute, *_inside(image, attribute)):
        if image.optional_pointer(candidate, "PyFunctionObject", "func_code") == code.address:
            return candidate
    return None


def _inside(image: Image, attribute: int) -> Iterator[int]:
    for struct, name in _AROUND:
        inner = image.optional_pointer(attribute, struct, name)
        if inner:
            yield inner


def _told_by(image: Image, function: int, code: Code) -> Optional[str]:
    """``func_qualname``; None in 2.7, and where somebody gave the function another name."""
    address = image.optional_pointer(function, "PyFunctionObject", "func_qualname")
    if not address:
        return None
    try:
        name = image.text(address, _LONGEST_NAME)
    except MemoryFault:
        return None
    return name if name.endswith("." + code.name) else None
