"""Prints one value and what it holds, as CPython's ``repr()`` would, without running anything of the dead process.

Where CPython's own text would tell nothing, ours tells more: an instance of a class without a known repr is
``<module.C object at 0x…> {name: value, …}`` with its attributes, a cell shows what it holds. A subclass of a known type that
has a ``__repr__`` of its own, which cannot run here, is ``module.C(repr of the known part)``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, List, Optional, Set, Tuple

from ..memory import MemoryFault
from .limits import AllowanceSpent, ReprLimits, hole, is_fill_pattern
from .type_info import TypeInfo

if TYPE_CHECKING:
    from .dispatch import Dispatch
    from .values import Values

CUT = "…"

Handler = Callable[["Printer", int, TypeInfo], None]


class Printer:
    """One top-level repr under way. Handlers write with ``write``, ``value``, ``items`` and the like."""

    def __init__(self, values: "Values", limits: ReprLimits, dispatch: "Dispatch") -> None:
        self.values = values
        self.limits = limits
        self.truncated = False
        self._dispatch = dispatch
        self._parts: List[str] = []
        self._room = limits.length
        self._path: Set[int] = set()
        self._spent = False

    def text(self) -> str:
        return "".join(self._parts)

    @property
    def full(self) -> bool:
        return self._room <= 0 or self._spent

    def write(self, text: str) -> None:
        self._parts.append(text)
        self._room -= len(text)

    def cut(self) -> None:
        """Marks that something was left out here."""
        self.truncated = True
        if not self._parts or not self._parts[-1].endswith(CUT):
            self.write(CUT)

    def value(self, address: int) -> None:
        """The repr of the object at ``address``; whatever is wrong with it ends here."""
        if self.full:
            self.cut()
            return
        mark = (len(self._parts), self._room)
        try:
            self._value(address)
        except AllowanceSpent:
            self._spent = True
            self._rewind(mark)
            self.cut()
        except MemoryFault as fault:
            self._rewind(mark)
            self.write(hole(fault, address))
        except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError, struct.error) as error:
            # A reader that met what it did not think of costs one value, not the thread.
            self._rewind(mark)
            self.write("<unreadable 0x%x: %s>" % (address, type(error).__name__))

    def _rewind(self, mark: Tuple[int, int]) -> None:
        del self._parts[mark[0] :]
        self._room = mark[1]

    def _value(self, address: int) -> None:
        if address == 0:
            self.write("<NULL>")
            return
        if is_fill_pattern(address, self.values.access.pointer_size):
            self.write("<freed memory 0x%x>" % address)
            return
        info = self.values.type_of(address)
        if self.values.access.is_released(address):
            self.write("<freed memory 0x%x, was %s>" % (address, info.full_name))
            return
        handler, overridden = self._dispatch.choose(info)
        if overridden:
            self._known_part(handler, address, info)
        else:
            handler(self, address, info)

    def _known_part(self, handler: Handler, address: int, info: TypeInfo) -> None:
        """``module.Name(…)`` around the text of the known base, or in place of the bare name in it."""
        start = len(self._parts)
        handler(self, address, info)
        name, first = info.full_name, self._parts[start]
        if first.startswith((name, "<" + name)):
            return
        if first.startswith(info.name + "("):
            self._parts[start] = name + first[len(info.name) :]
        else:
            self._parts.insert(start, name + "(")
            self.write(")")
        self._room -= len(name)

    def builtin(self, name: str) -> Handler:
        """The handler of a type by its full name."""
        return self._dispatch.handlers[name]

    def enter(self, address: int) -> bool:
        """Steps into a container. False when it is already being printed, a cycle."""
        if address in self._path:
            return False
        self._path.add(address)
        return True

    def leave(self, address: int) -> None:
        self._path.discard(address)

    @property
    def too_deep(self) -> bool:
        return len(self._path) > self.limits.depth

    @property
    def at_the_bottom(self) -> bool:
        """Whether a container that begins here would be too deep."""
        return len(self._path) >= self.limits.depth

    def container(self, address: int, opening: str, closing: str, write_items: Callable[[], None], cycle: Optional[str] = None) -> None:
        """``opening``, the items, ``closing``; ``[...]`` for a cycle, ``[…]`` where the nesting is too deep.

        ``write_items`` may raise: what it wrote stays, with a hole behind it.
        """
        if not self.enter(address):
            self.write(cycle if cycle is not None else opening + "..." + closing)
            return
        self.write(opening)
        try:
            if self.too_deep:
                self.cut()
            else:
                write_items()
        except AllowanceSpent:
            self._spent = True
            self.cut()
        except MemoryFault as fault:
            if not self._parts[-1].endswith((opening, ", ")):
                self.write(", ")
            self.write(hole(fault, address))
        finally:
            self.leave(address)
        self.write(closing)

    def items(self, found: Iterable[int], total: Optional[int] = None, write: Optional[Callable[[int], None]] = None) -> int:
        """Values with commas between them, up to the limits; how many were left out is told when ``total`` is known."""
        count = 0
        for item in found:
            if count:
                self.write(", ")
            if count >= self.limits.items or self.full:
                self._more(total - count if total is not None else None)
                return count
            (write or self.value)(item)
            count += 1
        if total is not None and count < total:
            if count:
                self.write(", ")
            self._more(total - count)
        return count

    def _more(self, left: Optional[int]) -> None:
        self.truncated = True
        self.write(CUT if left is None else "%s %d more" % (CUT, left))

    def pairs(self, found: Iterable[Tuple[int, int]], total: Optional[int] = None) -> int:
        """``key: value`` pairs with commas between them."""
        table: Iterator[Tuple[int, int]] = iter(found)
        count = 0
        for key, value in table:
            if count:
                self.write(", ")
            if count >= self.limits.items or self.full:
                self._more(total - count if total is not None and total > count else None)
                return count
            self.value(key)
            self.write(": ")
            self.value(value)
            count += 1
        return count

    def named(self, found: Iterable[Tuple[str, int]], separator: str = "=") -> int:
        """``name=value`` pairs with commas between them."""
        count = 0
        for name, value in found:
            if count:
                self.write(", ")
            if count >= self.limits.items or self.full:
                self._more(None)
                return count
            self.write(name + separator)
            self.value(value)
            count += 1
        return count

    def call(self, name: str, address: int, write_items: Callable[[], None], cycle: Optional[str] = None) -> None:
        """``name(items)``."""
        self.container(address, name + "(", ")", write_items, cycle)
