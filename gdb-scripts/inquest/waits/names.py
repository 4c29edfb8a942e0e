"""Under which name the program knows an object: a local variable, an attribute of one, a global of the module."""

from __future__ import annotations

from typing import Iterable, Iterator, Optional, Tuple

from ..frames.chain import Chain, RawFrame
from ..frames.code import read_code
from ..frames.image import Image
from ..frames.local_variables import slots
from ..frames.namespace import lookup, named_items, text
from ..layout.model import LayoutMissing
from ..memory import MemoryFault

_FRAMES = 4
_GLOBALS = 4_000
_ATTRIBUTES = 200
_LOCALS = 64


def name_of(image: Image, chain: Chain, skip: int, wanted: Iterable[int], inside: Optional[str] = None) -> Optional[str]:
    """``lock``, ``self._lock``, ``lock of module jobs``: as the frames see it from number ``skip`` on, the innermost first.

    ``inside``: the attribute by which a global object may hold it (``multiprocessing``'s locks keep theirs in ``_semlock``)."""
    addresses = {address for address in wanted if address}
    for frame in chain.frames[skip : skip + _FRAMES]:
        try:
            for name, value in _visible(image, frame, inside):
                if value in addresses:
                    return name[:200]
        except (MemoryFault, LayoutMissing):
            continue
    return None


def _visible(image: Image, frame: RawFrame, inside: Optional[str]) -> Iterator[Tuple[str, int]]:
    code = read_code(image, frame.code)
    local = list(slots(image, frame, code))[:_LOCALS]
    yield from local
    for name, value in local:
        yield from _attributes(image, name, value)
    struct = "PyFrameObject" if image.layouts.has("PyThreadState", "frame") else "_PyInterpreterFrame"
    namespace = image.object_pointer(image.pointer(frame.address, struct, "f_globals"))
    owner = text(image, lookup(image, namespace, "__name__", _GLOBALS)) or "?"
    for name, value in named_items(image, namespace, _GLOBALS):
        yield "%s of module %s" % (name, owner), value
        if inside is not None:
            yield from (("%s of module %s" % (name, owner), held) for attribute, held in _attributes(image, name, value) if attribute.endswith("." + inside))


def _attributes(image: Image, name: str, instance: int) -> Iterator[Tuple[str, int]]:
    """Of an instance of a class made in Python; of others nothing that could be a lock is asked for."""
    try:
        info = image.values.type_of(instance)
        if not info.is_heap and info.full_name != "instance":
            return
        for count, (attribute, value) in enumerate(image.values.attributes.named(instance, info)):
            if count >= _ATTRIBUTES:
                return
            yield "%s.%s" % (name, attribute), value
    except (MemoryFault, LayoutMissing):
        return
