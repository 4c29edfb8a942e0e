"""What an object refers to: items, keys, values, attributes by name; and the words of its own memory."""

from __future__ import annotations

from typing import Any, Iterator, Tuple

from ..frames.image import Image
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.mappings import iterate_dict, iterate_set
from ..objects.sequences import read_list, read_tuple
from ..objects.type_info import DICT_SUBCLASS, LIST_SUBCLASS, TUPLE_SUBCLASS
from .object_state import object_size

_MOST = 100_000
_MOST_WORDS = 512

Referent = Tuple[str, int]


def referents(image: Image, address: int, info: Any) -> Iterator[Referent]:
    """(where, ``PyObject *``) of what is an object: ``item 3``, ``key``, ``value of 'a'``, ``attribute 'a'``, ``set element``.

    Ends quietly where the container is damaged.
    """
    for part in (_items, _attributes):
        try:
            for count, found in enumerate(part(image, address, info)):
                if count >= _MOST:
                    break
                yield found
        except (MemoryFault, LayoutMissing):
            continue


def _items(image: Image, address: int, info: Any) -> Iterator[Referent]:
    access = image.values.access
    if info.flags & LIST_SUBCLASS or info.flags & TUPLE_SUBCLASS:
        read = read_list if info.flags & LIST_SUBCLASS else read_tuple
        for index, item in enumerate(read(access, address, _MOST)[0]):
            yield "item %d" % index, item
    elif info.flags & DICT_SUBCLASS:
        for key, value in iterate_dict(access, address):
            yield "key", key
            yield "value of %s" % _key(image, key), value
    elif "builtins.set" in info.mro_names or "builtins.frozenset" in info.mro_names:
        for element in iterate_set(access, address):
            yield "set element", element


def _attributes(image: Image, address: int, info: Any) -> Iterator[Referent]:
    if not info.is_heap and info.name != "instance":
        return
    for name, value in image.values.attributes.named(address, info):
        yield "attribute '%s'" % name, value


def words_of(image: Image, address: int, info: Any) -> Iterator[Referent]:
    """``the word at offset 24``, and its value, of the object's own memory behind its header: any of them may be a pointer, or not."""
    size = image.reader.pointer_size
    first = image.layouts.size("PyObject") // size
    try:
        words = image.reader.pointers(address, min(object_size(image, address, info) // size, _MOST_WORDS))
    except (MemoryFault, LayoutMissing):
        return
    for index, word in enumerate(words):
        if index >= first and word:
            yield "the word at offset %d" % (index * size), word


def _key(image: Image, key: int) -> str:
    try:
        text = image.values.types.key_text(key)
        return repr(text) if text is not None else "a key of type %s" % image.values.type_name(key)
    except (MemoryFault, LayoutMissing):
        return "an unreadable key"
