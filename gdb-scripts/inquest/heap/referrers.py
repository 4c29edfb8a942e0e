"""Who holds an object: which module, instance, container or local variable, up to three steps out.

One pass over the collector's lists notes where each object and its side tables lie; then the object's address is searched for in
the writable memory as bytes, and each place is looked up. Bounded in objects, places and time; what is not found is not told.
"""

from __future__ import annotations

import bisect
import time
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from ..frames.code import read_code
from ..frames.image import Image
from ..frames.local_variables import slots
from ..frames.namespace import lookup
from ..layout.model import LayoutMissing
from ..memory import MemoryFault
from ..objects.mappings import read_keys
from ..objects.type_info import DICT_SUBCLASS, INLINE_VALUES, LIST_SUBCLASS, MANAGED_DICT
from .gc_lists import GcHeads, GcList, walk
from .object_state import object_size
from .places import data_size, pointer_places
from .referents import referents, words_of

MOST_OBJECTS = 200_000
MOST_SECONDS = 4.0
_MOST_PLACES = 400
_MOST_SEARCHED = 1 << 30
_MOST_HOLDERS = 4
_MOST_STEPS = 3
_MOST_FRAMES = 200
_WORDS_BEFORE = 4
_MOST_INLINE = 34


class Holder(NamedTuple):
    address: int
    type: str
    where: str


class Extent(NamedTuple):
    start: int
    end: int
    owner: int


class Referrers:
    """Built once for a report, then asked for a few objects."""

    def __init__(self, image: Image, core: Any, lists: List[GcList]) -> None:
        self.image = image
        self.core = core
        self.objects = 0
        self.whole = True
        self._until = time.monotonic() + MOST_SECONDS
        extents: List[Extent] = []
        heads = GcHeads(image)
        visited: Set[int] = set()
        kinds: Dict[int, Any] = {}
        for one in lists:
            for address in walk(heads, one, visited, MOST_OBJECTS, []):
                self.objects += 1
                if self.objects % 1024 == 0 and time.monotonic() > self._until:
                    self.whole = False
                    break
                try:
                    self._note(address, kinds, extents)
                except (MemoryFault, LayoutMissing):
                    continue
        self.whole = self.whole and len(visited) < MOST_OBJECTS
        self._extents = sorted(extents)
        self._starts = [extent.start for extent in self._extents]

    def _note(self, address: int, kinds: Dict[int, Any], extents: List[Extent]) -> None:
        image = self.image
        access = image.values.access
        kind = access.type_pointer(address)
        info = kinds.get(kind)
        if info is None:
            info = kinds[kind] = image.values.type_of(address)
        word = image.reader.pointer_size
        inline = _MOST_INLINE * word if info.flags & INLINE_VALUES and image.version >= (3, 13) else 0
        extents.append(Extent(address - _WORDS_BEFORE * word, address + object_size(image, address, info) + inline, address))
        if info.flags & LIST_SUBCLASS:
            items = access.pointer(address, "PyListObject", "ob_item")
            size = access.var_size(address)
            if items and 0 < size < 1 << 32:
                extents.append(Extent(items, items + size * word, address))
        elif info.flags & DICT_SUBCLASS:
            extents.extend(Extent(start, end, address) for start, end in self._tables(address))
        elif "builtins.set" in info.mro_names or "builtins.frozenset" in info.mro_names:
            table = access.pointer(address, "PySetObject", "table")
            extents.append(Extent(table, table + 2 * word * (access.ssize(address, "PySetObject", "mask") + 1), address))
        elif info.flags & MANAGED_DICT and image.version < (3, 13):
            _, values = image.values.attributes.instance_dict(address, info)
            if values:
                extents.append(Extent(values, values + 64 * word, address))

    def _tables(self, address: int) -> Iterator[Tuple[int, int]]:
        access, word = self.image.values.access, self.image.reader.pointer_size
        if access.has("PyDictObject", "ma_table"):
            start = access.pointer(address, "PyDictObject", "ma_table")
            yield start, start + 3 * word * (access.ssize(address, "PyDictObject", "ma_mask") + 1)
            return
        keys = read_keys(access, access.pointer(address, "PyDictObject", "ma_keys"))
        values = access.pointer(address, "PyDictObject", "ma_values")
        start = values or keys.entries
        yield start, start + keys.length * word * (2 if values else keys.words)

    def places(self, value: int) -> Iterator[int]:
        """Aligned addresses where ``value`` stands, in the writable memory that holds objects: stacks, 8 MiB for each thread, hold none."""
        searched = found = 0
        for segment in self.core.segments:
            if not segment.writable or not segment.dumped or not self._holds_objects(segment):
                continue
            searched += data_size(self.core, segment)
            if searched > _MOST_SEARCHED or time.monotonic() > self._until + MOST_SECONDS:
                continue
            for address in pointer_places(self.core, segment, value):
                yield address
                found += 1
                if found >= _MOST_PLACES:
                    return

    def _holds_objects(self, segment: Any) -> bool:
        """Extents are sorted by their starts, and few of them reach into another segment."""
        index = bisect.bisect_left(self._starts, segment.start)
        begins = index < len(self._starts) and self._starts[index] < segment.start + segment.dumped
        return begins or (index > 0 and self._extents[index - 1].end > segment.start)

    def holders(self, value: int) -> List[Holder]:
        """Tracked objects that refer to ``value``, a few."""
        found: Dict[int, Holder] = {}
        for place in self.places(value):
            index = bisect.bisect_right(self._starts, place) - 1
            for extent in self._extents[max(index - 2, 0) : index + 1][::-1]:
                if extent.start <= place < extent.end and extent.owner not in found and extent.owner != value:
                    holder = self._holder(extent.owner, value)
                    if holder is not None:
                        found[extent.owner] = holder
                        break
            if len(found) >= _MOST_HOLDERS:
                break
        return list(found.values())

    def _holder(self, owner: int, value: int) -> Optional[Holder]:
        """How ``owner`` refers to ``value``; None when it does not, after all."""
        try:
            info = self.image.values.type_of(owner)
        except (MemoryFault, LayoutMissing):
            return None
        for where, found in referents(self.image, owner, info):
            if found == value:
                return Holder(owner, info.full_name, where)
        try:
            if self.image.values.attributes.instance_dict(owner, info)[0] == value:
                return Holder(owner, info.full_name, "__dict__")
        except (MemoryFault, LayoutMissing):
            pass
        for where, found in words_of(self.image, owner, info):
            if found == value:
                return Holder(owner, info.full_name, where)
        return None


def owner_chain(referrers: Referrers, interpreters: Any, chains: Mapping[int, Any], value: int) -> List[Dict[str, Any]]:
    """From the object outwards: ``{address, type, where, name}``; ends at a module or a variable, which ``name`` tells."""
    image = referrers.image
    told: List[Dict[str, Any]] = []
    seen = {value, *_being_shown(image, chains)}
    for _ in range(_MOST_STEPS):
        variable = _variable(image, chains, value)
        if variable is not None:
            told.append({"address": None, "type": None, "where": variable, "name": variable})
            return told
        holders = [holder for holder in referrers.holders(value) if holder.address not in seen]
        # A __dict__ stands for its instance or module; a nameless word says least.
        holders.sort(key=lambda holder: (holder.where.startswith("the word"), holder.where != "__dict__"))
        if not holders:
            return told
        holder = holders[0]
        seen.add(holder.address)
        module = _module_of(image, interpreters, holder)
        told.append({"address": "0x%x" % holder.address, "type": holder.type, "where": holder.where, "name": module})
        if module is not None:
            return told
        value = holder.address
    return told


def _being_shown(image: Image, states: Iterable[int]) -> Iterator[int]:
    """The list of each ``PyThreadState *`` that guards ``repr`` against cycles: it holds what is being shown, an assertion's object too, and owns nothing."""
    for state in states:
        of_thread = image.optional_pointer(state, "PyThreadState", "dict")
        shown = lookup(image, of_thread, "Py_Repr") if of_thread else None
        if shown:
            yield shown


def _module_of(image: Image, interpreters: Any, holder: Holder) -> Optional[str]:
    """``module shop`` when the holder is a module, or the dict of one."""
    if holder.type == "dict" and holder.where.startswith("value of "):
        name = lookup(image, holder.address, "__name__")
        spec = lookup(image, holder.address, "__spec__") or lookup(image, holder.address, "__builtins__")
        if not name or not spec:
            return None
    elif holder.type == "module":
        try:
            name = lookup(image, image.pointer(holder.address, "PyModuleObject", "md_dict"), "__name__")
        except (MemoryFault, LayoutMissing):
            return None
    else:
        return None
    try:
        return "module %s" % image.text(name, 200)
    except (MemoryFault, LayoutMissing):
        return None


def _variable(image: Image, chains: Mapping[int, Any], value: int) -> Optional[str]:
    """``variable 'x' of work()``, of a frame that is still running."""
    left = _MOST_FRAMES
    for chain in chains.values():
        for frame in chain.frames[:_MOST_FRAMES]:
            left -= 1
            if left < 0:
                return None
            try:
                code = read_code(image, frame.code)
                for name, held in slots(image, frame, code):
                    if held == value:
                        return "variable '%s' of %s()" % (name, code.name)
            except (MemoryFault, LayoutMissing):
                continue
    return None


