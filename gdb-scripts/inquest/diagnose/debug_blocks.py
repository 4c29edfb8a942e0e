"""Blocks of CPython's debug allocator that are damaged, among those that the crashed thread's registers and stack point to.

With the hooks on (``PYTHONMALLOC=debug``, ``-X dev``, a debug build) every block stands between guard bytes (Objects/obmalloc.c):

    p[-2*S : -S]   size_t, big-endian: the bytes asked for
    p[-S]          'r', 'm' or 'o': PyMem_Raw, PyMem, PyObject
    p[-S+1 : 0]    forbidden bytes
    p[0 : n]       the block
    p[n : n+S]     forbidden bytes; then, up to 3.8, a serial number of S bytes

``S`` is sizeof(size_t). Forbidden is 0xFD, fresh memory 0xCD, freed memory 0xDD; 0xFB, 0xCB and 0xDB in the first releases up to 3.7.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Tuple

from ..memory import MemoryFault, Reader

_STACK_BYTES = 16 << 10
_MOST_POINTERS = 4_096
_MOST_BLOCKS = 8
_LARGEST = 1 << 34
_APIS = {ord("r"): "PyMem_Raw", ord("m"): "PyMem", ord("o"): "PyObject"}
# Of the guard before a block so many bytes must stand for it to be taken for one.
_LEAST_GUARD = 4
_FORBIDDEN = (0xFD, 0xFB)


class Guards:
    """What a version puts round a block."""

    def __init__(self, version: Tuple[int, ...], word: int) -> None:
        self.serial = tuple(version[:2]) <= (3, 8)
        self.word = word


def check_block(reader: Reader, guards: Guards, address: int) -> Optional[Dict[str, Any]]:
    """What is wrong with the block at ``address``; None when it is whole, or when nothing says that it is one."""
    word = guards.word
    try:
        head = reader.read(address - 2 * word, 2 * word)
    except MemoryFault:
        return None
    size, api, guard = int.from_bytes(head[:word], "big"), head[word], head[word + 1 :]
    forbidden = max(_FORBIDDEN, key=guard.count)
    kept = guard.count(forbidden)
    if not 0 < size < _LARGEST or kept < min(_LEAST_GUARD, len(guard)):
        return None
    try:
        tail = reader.read(address + size, word)
    except MemoryFault:
        return None
    told: Dict[str, Any] = {
        "address": "0x%x" % address,
        "size": size,
        "api": chr(api) if api in _APIS else None,
        "domain": _APIS.get(api),
        "leading": guard.hex(),
        "trailing": tail.hex(),
        "forbidden": "%02x" % forbidden,
        "serial": None,
    }
    if guards.serial:
        try:
            told["serial"] = int.from_bytes(reader.read(address + size + word, word), "big")
        except MemoryFault:
            pass
    whole_head, whole_tail = kept == len(guard), tail.count(forbidden) == word
    # Both guards must bear each other out, but for one that was damaged: else this is no block.
    if whole_head and api in _APIS and not whole_tail:
        told["damage"] = "trailing"
    elif not whole_head and whole_tail and api in _APIS:
        told["damage"] = "leading"
    elif whole_head and whole_tail and api not in _APIS:
        told["damage"] = "api"
    else:
        return None
    return told


def candidates(core: Any, reader: Reader, registers: Iterable[int], sp: Optional[int]) -> List[int]:
    """Pointers that the thread had at hand: its registers, then the words of its stack from the innermost frame out."""
    word = core.pointer_size
    found: Dict[int, None] = {}
    for value in registers:
        found.setdefault(value, None)
    at = sp
    while at is not None and at < (sp or 0) + _STACK_BYTES and len(found) < _MOST_POINTERS:
        try:
            for value in reader.pointers(at, 64):
                found.setdefault(value, None)
        except MemoryFault:
            break
        at += 64 * word
    return [value for value in found if value % word == 0 and value > 65_536]


def damaged_blocks(context: Any) -> Optional[Dict[str, Any]]:
    """``{"checked": n, "damaged": [...]}`` of the crashed thread; None when the hooks are off or nothing tells."""
    core, image, lwp = context.core, context.image, context.crashed_lwp
    certain = hooks_on(context)
    if lwp is None or certain is False:
        return None
    reader: Reader = image.reader
    guards = Guards(image.version, reader.pointer_size)
    seen, damaged, checked = set(), [], 0
    places = [(core.registers(lwp).values(), core.sp(lwp))]
    for frame in context.signal_frames:
        registers = {name: int(value, 16) for name, value in frame["registers"].items()}
        places.append((registers.values(), registers.get("rsp", registers.get("sp"))))
    for registers, sp in places:
        for address in candidates(core, reader, registers, sp):
            if address in seen or len(damaged) >= _MOST_BLOCKS:
                continue
            seen.add(address)
            checked += 1
            found = check_block(reader, guards, address)
            if found is not None and (certain or _proves_itself(found)):
                damaged.append(found)
    return {"checked": checked, "damaged": damaged}


def _proves_itself(block: Dict[str, Any]) -> bool:
    """Where nothing tells whether the hooks are on (3.6), half of the damaged guard must stand beside a whole one."""
    forbidden = bytes.fromhex(block["forbidden"])
    return all(bytes.fromhex(block[side]).count(forbidden) >= _LEAST_GUARD for side in ("leading", "trailing")) and block["damage"] != "api"


def hooks_on(context: Any) -> Optional[bool]:
    """None when the interpreter does not tell."""
    return None if context.malloc is None else context.malloc.endswith("_debug")
