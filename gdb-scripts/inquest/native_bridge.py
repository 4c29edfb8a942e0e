"""Gets the unwinder over modules of which no file was uploaded, or whose file does not tell how its frames are unwound (musl's libc).

Without libc's or libffi's file there is no call frame information for their frames; gdb then guesses from the stack and its guesses lead
nowhere. But every caller left its return address there, and in the modules that have a file a return address can be told: it lies in an
executable segment, behind a call instruction. So from such a frame a bridge leads to the first such address further out, and
gdb's own call frame information goes on from there. A stale address of an earlier call may look the same, so a walk that ends badly is
tried again from the next address. Where a symbol tells the function, its code tells how large its frame is, and so the one place of its
return address: that is tried first. The frames that a bridge passes over are not told; the first frame behind it has trust ``scan``.
Callee-saved registers are passed on unchanged, which may be wrong, but for rbp: a function with a frame pointer needs the right one to be
unwound, and a frame pointer can be told, for behind the word that it points to stands a return address. Where a return address is that of the
C library's restorer, the kernel's signal frame behind it gives every register back as it was. (x86-64 only.)
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from inquest.diagnose.signal_frame import interrupted_registers
from inquest.elf import PF_X, PT_LOAD
from inquest.frame_size import FrameSize, frame_size
from inquest.memory import MemoryFault, Reader
from inquest.native_code import code_before
from inquest.native_modules import ModuleMap
from inquest.native_skip import FrameId, stack_pointer_of, unsigned
from inquest.return_addresses import follows_call
from inquest.unwind_info import tells_frames

_FAR = 1 << 17
_MOST_CANDIDATES = 24
_KEPT = ("rbx", "r12", "r13", "r14", "r15")
# Why a walk ends.
NO_FILE = "no file of the module"
REGULAR_END = ""

Key = Tuple[int, int]


def machine() -> str:
    """gdb's name of the processor, such as ``i386:x86-64`` and ``aarch64``."""
    return gdb.selected_inferior().architecture().name()


class Bridges:
    """The bridges of one process's stacks. ``target`` gives where the frame at (``pc``, ``sp``) returns to, as far as can be told."""

    def __init__(self, modules: ModuleMap) -> None:
        self._modules = modules
        self._known: Dict[Key, List[Key]] = {}
        self._chosen: Dict[Key, int] = {}
        self._used: List[Key] = []
        self._call_sites: Dict[int, bool] = {}
        self._tell_frames: Dict[str, bool] = {}
        self._interrupted: Dict[int, Optional[Dict[str, int]]] = {}
        self._sizes: Dict[int, Optional[FrameSize]] = {}
        self._reader = Reader(InferiorMemory())
        self._closed = False
        self._top: Optional[int] = None
        self._enabled = False
        self._unwinder = _BridgeUnwinder(self)

    def __enter__(self) -> "Bridges":
        if machine() == "i386:x86-64":
            register_unwinder(None, self._unwinder, replace=True)
            self._enabled = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._enabled:
            gdb.frame_unwinders.remove(self._unwinder)

    def needed(self, pc: int) -> bool:
        """Whether ``pc`` lies in a module without a file, or without call frame information."""
        if not self._enabled:
            return False
        place = self._modules.at(pc)
        if place is None:
            return False
        tells = self._tell_frames.get(place.module.path)
        if tells is None:
            tells = self._tell_frames[place.module.path] = tells_frames(place.module.elf, place.module.debug_elf)
        return not tells

    def interrupted(self, pc: int, sp: int) -> Optional[Dict[str, int]]:
        """What a signal handler's return to ``pc``, in a module without a file, restores; None when the frame is no signal's."""
        if not self.needed(pc):
            return None
        if sp not in self._interrupted:
            self._interrupted[sp] = interrupted_registers(self._reader, sp)
        return self._interrupted[sp]

    def target(self, pc: int, sp: int) -> Optional[Key]:
        """``(pc, sp)`` of the next frame out that has a file; ``None`` when there is none."""
        if self._closed:
            return None
        key = (pc, sp)
        candidates = self._known.get(key)
        if candidates is None:
            candidates = self._known[key] = self._candidates(pc, sp)
        index = self._chosen.get(key, 0)
        if index >= len(candidates):
            return None
        if key not in self._used:
            self._used.append(key)
        return candidates[index]

    def returns_from_signal(self, frame: "gdb.Frame") -> bool:
        """Whether the frame is the C library's restorer, in a module without a file."""
        pc = frame.pc()
        return self.needed(pc) and self.interrupted(pc, stack_pointer_of(frame)) is not None

    def may_be_code(self, pc: int) -> bool:
        """False for what no call can return to."""
        return self._modules.may_be_code(pc)

    def ends_at(self, frame: "gdb.Frame") -> Optional[str]:
        """Why the walk ends at this frame; None when it goes on."""
        pc = frame.pc()
        return NO_FILE if self.needed(pc) and self.target(pc, stack_pointer_of(frame)) is None else None

    @property
    def used(self) -> bool:
        """Whether the walk went over a bridge."""
        return len(self._used) > 0

    def begin(self) -> None:
        """Another thread is selected: nothing of the former one is tried again."""
        if self._enabled:
            # To tell a register gdb unwinds, and no bridge may be built before the register is told.
            self._closed = True
            self._top = _thread_pointer()
            gdb.invalidate_cached_frames()
        self._used.clear()
        self._closed = False

    def give_up(self) -> None:
        """No bridge leads anywhere until the next thread begins."""
        self._used.clear()
        self._closed = True

    def another(self) -> bool:
        """After a bad end: lets the last bridge that has one lead to its next candidate. False when all were tried."""
        while self._used:
            key = self._used[-1]
            index = self._chosen.get(key, 0) + 1
            if index < len(self._known[key]):
                self._chosen[key] = index
                return True
            self._chosen[key] = 0
            self._used.pop()
        return False

    def call_site(self, address: int) -> bool:
        """Whether ``address`` is a return address in a module that has a file."""
        found = self._call_sites.get(address)
        if found is None:
            found = self._call_sites[address] = self._is_call_site(address)
        return found

    def _is_call_site(self, address: int) -> bool:
        place = self._modules.at(address)
        if place is None or place.module.elf is None:
            return False
        linked = address - place.bias
        segments = place.module.elf.segments
        if not any(each.type == PT_LOAD and each.flags & PF_X and each.vaddr + 8 <= linked < each.vaddr + each.filesz for each in segments):
            return False
        code = place.module.elf.read_address(linked - 8, 8)
        return code is not None and follows_call(code)

    def frame_pointer(self, sp: int, target_sp: int, current: int) -> int:
        """rbp of the frame at ``target_sp``: ``current`` where it points into that frame's callers, else what the frames passed over saved."""
        if self._points_to_frame(current, target_sp):
            return current
        saved = [word for address, word in self._words(sp) if address < target_sp - 8 and self._points_to_frame(word, target_sp)]
        return saved[-1] if saved else current

    def _points_to_frame(self, word: int, target_sp: int) -> bool:
        if word % 8 or not target_sp <= word < target_sp + _FAR:
            return False
        beyond = next((value for _, value in self._words(word + 8)), 0)
        place = self._modules.at(beyond)
        return place is not None and (place.module.elf is None or self.call_site(beyond))

    def _words(self, sp: int) -> Iterator[Tuple[int, int]]:
        return _stack_words(sp, self._top)

    def size_at(self, pc: int) -> Optional[FrameSize]:
        """The frame that the function at ``pc`` has there, where its symbol and its code tell it."""
        if pc not in self._sizes:
            place = self._modules.at(pc - 1)
            code = code_before(pc, place) if place is not None and place.module.elf is not None else None
            self._sizes[pc] = frame_size(code, pc) if code else None
        return self._sizes[pc]

    def saved(self, pc: int, sp: int) -> Dict[str, int]:
        """The callee-saved registers that the frame at (``pc``, ``sp``) pushed, when the bridge in use is the one by its code."""
        size = self.size_at(pc)
        target = self.target(pc, sp)
        if size is None or target is None or target[1] != sp + size.size + 8:
            return {}
        values = {name: next(self._words(sp + at), (0, None))[1] for name, at in size.saved.items() if name in _KEPT or name == "rbp"}
        return {name: value for name, value in values.items() if value is not None}

    def _candidates(self, pc: int, sp: int) -> List[Key]:
        found: List[Key] = []
        size = self.size_at(pc)
        if size is not None:
            for address, word in self._words(sp + size.size):
                if address == sp + size.size and self.call_site(word):
                    found.append((word, address + 8))
                break
        for address, word in self._words(sp):
            restores = self.interrupted(word, address + 8) is not None
            if (restores or self.call_site(word)) and (word, address + 8) not in found:
                found.append((word, address + 8))
                # What the handler interrupted may have run on another stack.
                if restores or len(found) == _MOST_CANDIDATES:
                    break
        return found


class InferiorMemory:
    pointer_size = 8
    byte_order = "little"

    def read(self, address: int, size: int) -> bytes:
        try:
            return bytes(gdb.selected_inferior().read_memory(address, size))
        except (gdb.MemoryError, gdb.error):
            raise MemoryFault(address, size) from None


def _thread_pointer() -> Optional[int]:
    """``fs_base`` of the selected thread. A C library puts what it points to at the upper end of the stack that it makes for a thread."""
    try:
        return unsigned(gdb.newest_frame().read_register("fs_base")) or None
    except (gdb.error, RuntimeError, ValueError):
        return None


def _stack_words(sp: int, top: Optional[int]) -> Iterator[Tuple[int, int]]:
    """``(address, word)`` of the stack from ``sp`` outwards, as far as it is there and below ``top``."""
    inferior = gdb.selected_inferior()
    address = sp & ~7
    end = address + _FAR
    if top is not None and sp <= top < end:
        end = top & ~7
    while address < end:
        size = 4096 - address % 4096
        try:
            words = inferior.read_memory(address, size).cast("B").cast("Q")
        except (gdb.MemoryError, gdb.error):
            return
        for index, word in enumerate(words):
            if address + 8 * index >= end:
                return
            yield address + 8 * index, word
        address += size


class _BridgeUnwinder(Unwinder):
    def __init__(self, bridges: Bridges) -> None:
        super().__init__("inquest-bridge")
        self._bridges = bridges

    def __call__(self, pending_frame: "gdb.PendingFrame") -> Optional["gdb.UnwindInfo"]:
        sp, pc = pending_frame.read_register("rsp"), pending_frame.read_register("rip")
        if not self._bridges.needed(unsigned(pc)):
            return None
        info = pending_frame.create_unwind_info(FrameId(sp, pc))
        interrupted = self._bridges.interrupted(unsigned(pc), unsigned(sp))
        if interrupted is not None:
            for name in interrupted.keys() - {"eflags"}:
                value = interrupted[name]
                info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
            return info
        target = self._bridges.target(unsigned(pc), unsigned(sp))
        if target is None:
            return None
        saved = self._bridges.saved(unsigned(pc), unsigned(sp))
        if "rbp" not in saved:
            saved["rbp"] = self._bridges.frame_pointer(unsigned(sp), target[1], unsigned(pending_frame.read_register("rbp")))
        for name, value in {"rip": target[0], "rsp": target[1], **saved}.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
        for name in (each for each in _KEPT if each not in saved):
            try:
                info.add_saved_register(name, pending_frame.read_register(name))
            except (gdb.error, ValueError):
                continue
        return info
