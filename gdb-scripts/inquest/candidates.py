"""Where a runtime could be: from the symbols and sections of the modules, then from scans of memory.

A ``Place`` is only a guess with its reason; ``runtime`` tries each. ``runtime_at`` is an address of ``_PyRuntime``,
``head_at`` the address of a variable that holds a ``PyInterpreterState *``, ``thread_at`` one that holds a ``PyThreadState *``.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional

from .core_file import CoreMemory, Segment
from .layout.debug_offsets import COOKIE
from .modules import Image, Module

_SYMBOLS = ("_PyRuntime", "interp_head", "_PyThreadState_Current")
_LARGEST_GAP = 16 << 20
_MOST_COOKIES = 64


class Place(NamedTuple):
    """A guess: its kind (``runtime``, ``interpreter``, ``thread``), the address, the module that owns it, and how it was come by."""

    kind: str
    address: int
    module: Optional[Module]
    how: str


def likely_modules(core: CoreMemory) -> List[Module]:
    """The modules in the order worth trying: named python first, then every other file that is there, extension modules last."""

    return sorted(core.modules, key=_rank)


def named_python(module: Optional[Module]) -> bool:
    """Whether a module's name says that it is an interpreter."""
    return module is not None and _rank(module) <= 2


def _rank(module: Module) -> int:
    name = module.name.lower()
    if name.startswith("libpython"):
        return 0
    if name.startswith("python"):
        return 1
    if ".cpython-" in name:
        return 4
    return 2 if "python" in name else 3


def by_symbol(core: CoreMemory) -> Iterator[Place]:
    """Places named by a symbol table: ``.symtab`` or ``.dynsym`` of the file, or its separate debug file."""
    for module in likely_modules(core):
        for elf, kind in ((module.elf, "file"), (module.debug_elf, "debug file")):
            if elf is None:
                continue
            symbols = elf.symbols(_SYMBOLS)
            for name in _SYMBOLS:
                if name in symbols:
                    for image in module.images():
                        address = image.bias + symbols[name].value
                        place = {"_PyRuntime": "runtime", "interp_head": "interpreter"}.get(name, "thread")
                        yield Place(place, address, module, "the symbol %s of %s%s" % (name, module.name, "" if kind == "file" else "'s debug file"))


def by_section(core: CoreMemory) -> Iterator[Place]:
    """The ``.PyRuntime`` section (3.10 and newer)."""
    for module in likely_modules(core):
        section = module.elf.sections.get(".PyRuntime") if module.elf is not None else None
        if section is not None:
            for image in module.images():
                yield Place("runtime", image.bias + section.address, module, "the section .PyRuntime of %s" % module.name)


def writable_areas(core: CoreMemory, module: Module) -> List[Segment]:
    """The dumped writable segments of a module, its ``.bss`` included: that is the anonymous segment right after the last one."""
    found: List[Segment] = []
    for image in module.images():
        found.extend(_areas_of(core, image))
    return found


def _areas_of(core: CoreMemory, image: Image) -> List[Segment]:
    found = []
    end = image.end
    for segment in core.segments:
        if not segment.writable or segment.dumped == 0:
            continue
        if image.start <= segment.start < image.end:
            found.append(segment)
        elif segment.start == end and segment.end - segment.start <= _LARGEST_GAP:
            found.append(segment)
            end = segment.end
    return found


def by_cookie(core: CoreMemory) -> Iterator[Place]:
    """The cookie of the debug offsets (3.13 and newer), in the modules' writable memory first, then in all of it."""
    seen = set()
    for module in likely_modules(core):
        for segment in writable_areas(core, module):
            for address in _cookies(core, segment):
                seen.add(address)
                yield Place("runtime", address, module, "the cookie of the debug offsets in the memory of %s" % module.name)
    for segment in core.segments:
        if segment.writable:
            for address in _cookies(core, segment):
                if address not in seen:
                    yield Place("runtime", address, None, "the cookie of the debug offsets, found by a scan of all writable memory")


def _cookies(core: CoreMemory, segment: Segment) -> Iterator[int]:
    start, end = segment.offset, segment.offset + segment.dumped
    for _ in range(_MOST_COOKIES):
        start = core.elf.find(COOKIE, start, end)
        if start < 0:
            return
        address = segment.start + start - segment.offset
        if address % core.pointer_size == 0:
            yield address
        start += len(COOKIE)
