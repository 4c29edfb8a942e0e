"""Generators, coroutines, code, frames: what runs or can run; and memory views."""

from __future__ import annotations

from typing import Dict

from .printer import Handler, Printer
from .type_info import TypeInfo


def _generator(title: str) -> Handler:
    """``PyGenObject *`` and its likes, by ``gi_qualname``; 2.7 has only the code's name."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        access = printer.values.access
        if access.has("PyGenObject", "gi_qualname"):
            name = access.pointer(address, "PyGenObject", "gi_qualname")
        else:
            name = access.pointer(access.pointer(address, "PyGenObject", "gi_code"), "PyCodeObject", "co_name")
        printer.write("<%s object %s at 0x%x>" % (title, printer.values.str_value(name, 500), address))

    return handler


def _print_code(printer: Printer, address: int, info: TypeInfo) -> None:
    values = printer.values
    name = values.str_value(values.access.pointer(address, "PyCodeObject", "co_name"), 500)
    file = values.str_value(values.access.pointer(address, "PyCodeObject", "co_filename"), 1000)
    line = values.access.sint(address, "PyCodeObject", "co_firstlineno")
    printer.write('<code object %s at 0x%x, file "%s", line %d>' % (name, address, file, line))


def _print_frame(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyFrameObject *``. Its line is told by the readers of frames, where there are any."""
    values, access = printer.values, printer.values.access
    if access.has("PyFrameObject", "f_code"):
        code = access.pointer(address, "PyFrameObject", "f_code")
    else:
        inner = access.pointer(address, "PyFrameObject", "f_frame")
        code = access.pointer(inner, "_PyInterpreterFrame", "f_executable", "f_code") & ~3
    name = values.str_value(access.pointer(code, "PyCodeObject", "co_name"), 500)
    file = values.str_value(access.pointer(code, "PyCodeObject", "co_filename"), 1000)
    line = values.line_of_frame(address)
    printer.write("<frame at 0x%x, file %r%s, code %s>" % (address, file, ", line %d" % line if line is not None else "", name))


def _print_memoryview(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyMemoryViewObject *``, whose first flag says that it was released (Include/cpython/memoryobject.h)."""
    access = printer.values.access
    released = access.has("PyMemoryViewObject", "flags") and access.uint(address, "PyMemoryViewObject", "flags") & 1
    printer.write("<%s at 0x%x>" % ("released memory" if released else "memory", address))


HANDLERS: Dict[str, Handler] = {
    "builtins.generator": _generator("generator"),
    "builtins.coroutine": _generator("coroutine"),
    "builtins.async_generator": _generator("async_generator"),
    "builtins.code": _print_code,
    "builtins.frame": _print_frame,
    "builtins.memoryview": _print_memoryview,
}
