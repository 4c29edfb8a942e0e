"""asyncio's futures and tasks of C, much as their own repr tells them: ``<Future finished result=42>``,
``<Task pending name='feed' coro=<coroutine object feed at 0x…> wait_for=<Future pending>>``.

``FutureObj`` and ``TaskObj`` of Modules/_asynciomodule.c: a task begins as a future does, under other names.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

from .instances import print_attributes
from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo

_STATES = ("pending", "cancelled", "finished")
_NATIVE = ("_asyncio.Future", "_asyncio.Task")


def _print_future(printer: Printer, address: int, info: TypeInfo) -> None:
    _print(printer, address, info, "FutureObj", "fut_", [])


def _print_task(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    shown: List[Tuple[str, int]] = []
    for label, field in (("name", "task_name"), ("coro", "task_coro"), ("wait_for", "task_fut_waiter")):
        value = access.pointer(address, "TaskObj", field) if access.has("TaskObj", field) else 0
        if value:
            shown.append((label, value))
    _print(printer, address, info, "TaskObj", "task_", shown)


def _print(printer: Printer, address: int, info: TypeInfo, struct: str, prefix: str, shown: List[Tuple[str, int]]) -> None:
    access = printer.values.access
    number = access.sint(address, struct, prefix + "state")
    if not 0 <= number < len(_STATES):
        raise Damaged(address, "a future of state %d" % number)
    state = _STATES[number]
    if state == "finished":
        exception = access.pointer(address, struct, prefix + "exception")
        result = ("exception", exception) if exception else ("result", access.pointer(address, struct, prefix + "result"))
        shown = [*shown, result]

    def write_items() -> None:
        for label, value in shown:
            printer.write(" %s=" % label)
            printer.value(value)

    printer.container(address, "<%s %s" % (info.name, state), ">", write_items)
    if info.full_name not in _NATIVE:
        print_attributes(printer, address, info, "")


HANDLERS: Dict[str, Handler] = {"_asyncio.Future": _print_future, "_asyncio.Task": _print_task}
