"""Blocks of CPython's debug allocator: the damaged ones among those that the crashed thread had at hand, and the sound ones near the top.

At hand are: what its registers and its stack point to, the objects in its Python frames, and the blocks round the faulting address.

With the hooks on (``PYTHONMALLOC=debug``, ``-X dev``, a debug build) every block stands between guard bytes (Objects/obmalloc.c):

    p[-2*S : -S]   size_t, big-endian: the bytes asked for
    p[-S]          'r', 'm' or 'o': PyMem_Raw, PyMem, PyObject
    p[-S+1 : 0]    forbidden bytes
    p[0 : n]       the block
    p[n : n+S]     forbidden bytes; then, up to 3.8, a serial number of S bytes

``S`` is sizeof(size_t). Forbidden is 0xFD, fresh memory 0xCD, freed memory 0xDD; 0xFB, 0xCB and 0xDB in the first releases up to 3.7.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

from ..flags import calls_hooks
from ..frames.code import read_code
from ..frames.local_variables import slots
from ..heap.block_owner import BlockOwners
from ..heap.places import thread_stacks
from ..layout.model import LayoutMissing
from ..memory import MemoryFault, Reader
from .crash_place import crash_place, general_registers

_STACK_BYTES = 16 << 10
_MOST_POINTERS = 4_096
_MOST_BLOCKS = 8
_LARGEST = 1 << 34
_MOST_WHOLE = 24
_NEAR = 4_096
_MOST_LOCALS = 400
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
    told = read_block(reader, guards, address)
    return told if told is not None and told["damage"] is not None else None


def read_block(reader: Reader, guards: Guards, address: int) -> Optional[Dict[str, Any]]:
    """The block at ``address``, with ``damage`` (null: it is whole); None when nothing says that there is one."""
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
    elif whole_head and whole_tail:
        told["damage"] = None
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
    """``checked``, ``damaged``, ``whole``, ``contexts`` and ``described`` of the crashed thread; None when the hooks are off or nothing tells.

    ``whole``: the first sound blocks, innermost first. ``contexts``: the address of the hooks' state for each API, where it is known. ``described``:
    ``address`` and ``tail`` of what a failed check took for a block.
    """
    core, image, lwp = context.core, context.image, context.crashed_lwp
    certain = hooks_on(context)
    if lwp is None or certain is False:
        return None
    reader: Reader = image.reader
    guards = Guards(image.version, reader.pointer_size)
    seen, damaged, whole = set(), [], []
    stacks = thread_stacks(core, crash_place(context)[1])
    for address in _at_hand(context, reader, guards):
        # On a stack there is no block, but registers that the hooks spilled there may look like one.
        if address in seen or any(low <= address < high for low, high in stacks):
            continue
        seen.add(address)
        found = read_block(reader, guards, address)
        if found is None:
            continue
        if found["damage"] is None:
            if certain and len(whole) < _MOST_WHOLE:
                whole.append(found)
        elif len(damaged) < _MOST_BLOCKS and (certain or _proves_itself(found)):
            damaged.append(found)
    owners = BlockOwners(context)
    for block in damaged[:2]:
        block["owner"] = owners.owner(int(block["address"], 16))
    traces = context.traces
    if traces is not None:
        for block in [*damaged, *whole]:
            block["allocated_at"] = traces.lookup(int(block["address"], 16))
    return {"checked": len(seen), "damaged": damaged, "whole": whole, "contexts": hook_contexts(context), "described": _described(context, reader)}


def _described(context: Any, reader: Reader) -> Optional[Dict[str, str]]:
    """Before the check gives up it prints the block (``_PyObject_DebugDumpAddress``): a register holds the end that the size in front of it leads
    to, far from the block, for what stands there is no size."""
    values = [value for _, value in general_registers(crash_place(context)[0])]
    for address in values:
        try:
            size = int.from_bytes(reader.read(address - 2 * reader.pointer_size, reader.pointer_size), "big")
        except MemoryFault:
            continue
        tail = (address + size) & reader.address_mask
        if size >= _LARGEST and tail in values:
            return {"address": "0x%x" % address, "tail": "0x%x" % tail}
    return None


def _at_hand(context: Any, reader: Reader, guards: Guards) -> Iterator[int]:
    core, lwp = context.core, context.crashed_lwp
    places = [(core.registers(lwp).values(), core.sp(lwp))]
    for frame in context.signal_frames:
        registers = {name: int(value, 16) for name, value in frame["registers"].items()}
        places.append((registers.values(), registers.get("rsp", registers.get("sp", registers.get("esp")))))
    for registers, sp in places:
        yield from candidates(core, reader, registers, sp)
    for frame in context.signal_frames:
        address = (frame.get("fault") or {}).get("address")
        if address is not None:
            yield from around(reader, guards, int(address, 16))
    yield from _of_locals(context)


def around(reader: Reader, guards: Guards, address: int) -> Iterator[int]:
    """Blocks that begin in the 4 KiB before an address: it may lie in one, or right behind."""
    word = guards.word
    start = (address - _NEAR) // word * word
    for at in range(start, address + word, word):
        try:
            raw = reader.read(at, word)
        except MemoryFault:
            continue
        if max(raw.count(byte) for byte in _FORBIDDEN) >= _LEAST_GUARD and raw[0] in _APIS:
            yield at + word


def _of_locals(context: Any) -> Iterator[int]:
    """Where the blocks of the objects in the crashed thread's Python frames may begin, and of their items."""
    image, core = context.image, context.core
    word = image.reader.pointer_size
    head = image.layouts.size("PyGC_Head") if image.layouts.has("PyGC_Head") else 2 * word
    left = _MOST_LOCALS
    for state in context.states:
        chain = context.chains.get(state.address)
        if state.lwp != context.crashed_lwp or chain is None:
            continue
        for frame in chain.frames[:64]:
            try:
                for _, value in slots(image, frame, read_code(image, frame.code)):
                    left -= 1
                    if left < 0:
                        return
                    yield from (value, value - head, value - head - 2 * word, value - head - word)
                    yield from (pointer for pointer in image.reader.pointers(value, 8) if pointer % word == 0 and pointer > 65_536)
            except (MemoryFault, LayoutMissing):
                continue


def hook_contexts(context: Any) -> Dict[str, str]:
    """API letter to the address of its ``debug_alloc_api_t``, which the hooks get as ``ctx``: its first byte is the letter."""
    image, runtime = context.image, context.runtime
    found: Dict[str, str] = {}
    for letter, name in (("r", "raw"), ("m", "mem"), ("o", "obj")):
        field = "allocators.debug." + name
        if runtime.address and image.layouts.has("_PyRuntimeState", field):
            found[letter] = "0x%x" % (runtime.address + image.layouts.offset("_PyRuntimeState", field))
    start = None if found else context.symbol("_PyMem_Debug")
    if start is not None and image.layouts.has("debug_alloc_api_t"):
        for index, letter in enumerate("rmo"):
            found[letter] = "0x%x" % (start + index * image.layouts.size("debug_alloc_api_t"))
    return found


def _proves_itself(block: Dict[str, Any]) -> bool:
    """Where nothing tells whether the hooks are on (3.6), half of the damaged guard must stand beside a whole one."""
    forbidden = bytes.fromhex(block["forbidden"])
    return all(bytes.fromhex(block[side]).count(forbidden) >= _LEAST_GUARD for side in ("leading", "trailing")) and block["damage"] != "api"


def hooks_on(context: Any) -> Optional[bool]:
    """None when the interpreter does not tell. Where its configuration is silent, the static table of the object domain may (3.6 to 3.11)."""
    if context.malloc is not None:
        return bool(context.malloc.endswith("_debug"))
    table = context.symbol("_PyObject")
    hooks = hook_contexts(context).get("o")
    if table is None or hooks is None:
        return None
    try:
        return calls_hooks(context.image, context.image.reader.pointer(table), int(hooks, 16))
    except MemoryFault:
        return None
