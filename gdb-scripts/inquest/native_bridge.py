"""Gets the unwinder over modules of which no file was uploaded, or whose file does not tell how its frames are unwound (musl's libc).

Without libc's or libffi's file there is no call frame information for their frames; gdb then guesses from the stack and its guesses lead
nowhere. But every caller left its return address there, and in the modules that have a file a return address can be told: it lies in an
executable segment, behind a call instruction. So from such a frame a bridge leads to the first such address further out, and
gdb's own call frame information goes on from there. A stale address of an earlier call may look the same, so a walk that ends badly is
tried again from the next address. The frames that a bridge passes over are not told; the first frame behind it has trust ``scan``.
Callee-saved registers are passed on unchanged, which may be wrong, but for rbp: a function with a frame pointer needs the right one to be
unwound, and a frame pointer can be told, for behind the word that it points to stands a return address. Where a return address is that of the
C library's restorer, the kernel's signal frame behind it gives every register back as it was. (x86-64 only.)
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from inquest.diagnose.signal_frame import interrupted_registers
from inquest.elf import PT_LOAD
from inquest.memory import MemoryFault, Reader
from inquest.native_modules import ModuleMap
from inquest.native_skip import FrameId, stack_pointer_of, unsigned
from inquest.return_addresses import follows_call
from inquest.unwind_info import tells_frames

_PF_X = 1
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
        self._reader = Reader(InferiorMemory())
        self._closed = False
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
            candidates = self._known[key] = self._candidates(sp)
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

    def ends_at(self, frame: "gdb.Frame") -> Optional[str]:
        """Why the walk ends at this frame; None when it goes on."""
        pc = frame.pc()
        return NO_FILE if self.needed(pc) and self.target(pc, stack_pointer_of(frame)) is None else None

    @property
    def used(self) -> bool:
        """Whether the walk went over a bridge."""
        return len(self._used) > 0

    def begin(self) -> None:
        """A new thread: nothing of the former one is tried again."""
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
        if not any(each.type == PT_LOAD and each.flags & _PF_X and each.vaddr + 8 <= linked < each.vaddr + each.filesz for each in segments):
            return False
        code = place.module.elf.read_address(linked - 8, 8)
        return code is not None and follows_call(code)

    def frame_pointer(self, sp: int, target_sp: int, current: int) -> int:
        """rbp of the frame at ``target_sp``: ``current`` where it points into that frame's callers, else what the frames passed over saved."""
        if self._points_to_frame(current, target_sp):
            return current
        saved = [word for address, word in _stack_words(sp) if address < target_sp - 8 and self._points_to_frame(word, target_sp)]
        return saved[-1] if saved else current

    def _points_to_frame(self, word: int, target_sp: int) -> bool:
        if word % 8 or not target_sp <= word < target_sp + _FAR:
            return False
        beyond = next((value for _, value in _stack_words(word + 8)), 0)
        place = self._modules.at(beyond)
        return place is not None and (place.module.elf is None or self.call_site(beyond))

    def _candidates(self, sp: int) -> List[Key]:
        found: List[Key] = []
        for address, word in _stack_words(sp):
            restores = self.interrupted(word, address + 8) is not None
            if restores or self.call_site(word):
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


def _stack_words(sp: int):
    """``(address, word)`` of the stack from ``sp`` outwards, as far as it is there."""
    inferior = gdb.selected_inferior()
    address = sp & ~7
    end = address + _FAR
    while address < end:
        size = 4096 - address % 4096
        try:
            words = inferior.read_memory(address, size).cast("B").cast("Q")
        except (gdb.MemoryError, gdb.error):
            return
        for index, word in enumerate(words):
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
        rbp = self._bridges.frame_pointer(unsigned(sp), target[1], unsigned(pending_frame.read_register("rbp")))
        for name, value in (("rip", target[0]), ("rsp", target[1]), ("rbp", rbp)):
            info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
        for name in _KEPT:
            try:
                info.add_saved_register(name, pending_frame.read_register(name))
            except (gdb.error, ValueError):
                continue
        return info
