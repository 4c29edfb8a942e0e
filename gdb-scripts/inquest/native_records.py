"""Unwinds aarch64's frames in modules of which no file was uploaded by their frame records. The bridges' counterpart there."""

from __future__ import annotations

from typing import Optional

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from inquest.frame_records import Registers, caller, outermost
from inquest.native_bridge import NO_FILE, REGULAR_END, InferiorMemory
from inquest.native_modules import ModuleMap
from inquest.native_skip import FrameId, unsigned
from inquest.memory import Reader

_NAMES = ("pc", "sp", "x29", "x30")


class Records:
    """As ``Bridges``; a record leads to one caller, so nothing is tried twice."""

    used = False

    def __init__(self, modules: ModuleMap) -> None:
        self._modules = modules
        self._reader = Reader(InferiorMemory())
        self._unwinder = _RecordUnwinder(self)

    def __enter__(self) -> "Records":
        register_unwinder(None, self._unwinder, replace=True)
        return self

    def __exit__(self, *error: object) -> None:
        gdb.frame_unwinders.remove(self._unwinder)

    def begin(self) -> None:
        """A new thread."""

    def give_up(self) -> None:
        """Nothing was tried."""

    def another(self) -> bool:
        """No other way."""
        return False

    def needed(self, pc: int) -> bool:
        """Whether ``pc`` lies in a module without a file."""
        place = self._modules.at(pc)
        return place is not None and place.module.elf is None

    def call_site(self, address: int) -> bool:
        """What a record tells is taken for a call's return."""
        return self._module_of(address) is not None

    def returns_from_signal(self, frame: "gdb.Frame") -> bool:
        """gdb knows the kernel's trampoline itself."""
        return False

    def may_be_code(self, pc: int) -> bool:
        """False for what no call can return to."""
        return self._modules.may_be_code(pc)

    def ends_at(self, frame: "gdb.Frame") -> Optional[str]:
        """Why the walk ends at this frame; None when it goes on."""
        if not self.needed(frame.pc()):
            return None
        registers = _registers(frame)
        if self.caller(registers) is not None:
            return None
        return REGULAR_END if outermost(self._reader, registers) else NO_FILE

    def caller(self, frame: Registers) -> Optional[Registers]:
        return caller(self._reader, self._module_of, frame)

    def _module_of(self, address: int) -> Optional[str]:
        place = self._modules.at(address)
        return place.module.path if place is not None else None


def _registers(frame: "gdb.Frame | gdb.PendingFrame") -> Registers:
    pc, sp, fp = (unsigned(frame.read_register(name)) for name in _NAMES[:3])
    try:
        return Registers(pc, sp, fp, unsigned(frame.read_register("x30")))
    except (gdb.error, ValueError):
        # Call frame information of a caller does not tell it.
        return Registers(pc, sp, fp, pc)


class _RecordUnwinder(Unwinder):
    def __init__(self, records: Records) -> None:
        super().__init__("inquest-records")
        self._records = records

    def __call__(self, pending_frame: "gdb.PendingFrame") -> Optional["gdb.UnwindInfo"]:
        older = self._records.caller(_registers(pending_frame)) if self._records.needed(unsigned(pending_frame.read_register("pc"))) else None
        if older is None:
            return None
        info = pending_frame.create_unwind_info(FrameId(pending_frame.read_register("sp"), pending_frame.read_register("pc")))
        for name, value in zip(_NAMES, older):
            info.add_saved_register(name, gdb.Value(value).cast(pending_frame.read_register(name).type))
        return info
