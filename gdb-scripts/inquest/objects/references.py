"""Objects that stand for another: cells, weak references and proxies, capsules, context variables and their tokens."""

from __future__ import annotations

from typing import Dict

from ..memory import MemoryFault
from .printer import Handler, Printer
from .type_info import TypeInfo


def _print_cell(printer: Printer, address: int, info: TypeInfo) -> None:
    held = printer.values.access.pointer(address, "PyCellObject", "ob_ref")
    if held:
        printer.container(address, "<cell at 0x%x: " % address, ">", lambda: printer.value(held))
    else:
        printer.write("<cell at 0x%x: empty>" % address)


def _print_weakref(printer: Printer, address: int, info: TypeInfo) -> None:
    values, access = printer.values, printer.values.access
    target = access.pointer(address, "PyWeakReference", "wr_object")
    title = "weakproxy" if "proxy" in info.name.lower() else "weakref"
    known = values.type_of(target)
    if known.full_name == "NoneType" and (title == "weakref" or access.version >= (3, 13)):
        printer.write("<%s at 0x%x; dead>" % (title, address))
        return
    name = known.c_name if access.version < (3, 13) else _from_3_13(known)
    suffix = _target_name(printer, target, known)
    if title == "weakproxy" and access.version < (3, 13):
        printer.write("<weakproxy at 0x%x to %s at 0x%x>" % (address, name, target))
        return
    printer.write("<%s at 0x%x; to '%s' at 0x%x%s>" % (title, address, name, target, suffix if title == "weakref" else ""))


def _from_3_13(known: TypeInfo) -> str:
    """As ``PyType_GetFullyQualifiedName`` tells it, without the module of the program itself."""
    return known.qualname if known.module in ("builtins", "__main__") else known.full_name


def _target_name(printer: Printer, target: int, known: TypeInfo) -> str:
    try:
        if known.full_name == "function":
            return " (%s)" % printer.values.str_value(printer.values.access.pointer(target, "PyFunctionObject", "func_name"), 500)
        if "builtins.type" in known.mro_names:
            return " (%s)" % printer.values.type_info(target).name
    except MemoryFault:
        pass
    return ""


def _print_capsule(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    name = access.pointer(address, "PyCapsule", "name")
    text = '"%s"' % access.reader.cstring(name, 200).decode("utf-8", "replace") if name else "NULL"
    printer.write("<capsule object %s at 0x%x>" % (text, address))


def _print_context_variable(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyContextVar *`` (Include/internal/pycore_context.h)."""
    access = printer.values.access
    name, default = access.pointer(address, "PyContextVar", "var_name"), access.pointer(address, "PyContextVar", "var_default")
    end = " at 0x%x>" % address

    def write_items() -> None:
        printer.value(name)
        if default:
            printer.write(" default=")
            printer.value(default)

    printer.container(address, "<ContextVar name=", end, write_items, "...")


def _print_token(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyContextToken *``."""
    access = printer.values.access
    variable = access.pointer(address, "PyContextToken", "tok_var")
    used = " used" if access.uint(address, "PyContextToken", "tok_used") else ""
    printer.container(address, "<Token%s var=" % used, " at 0x%x>" % address, lambda: printer.value(variable))


HANDLERS: Dict[str, Handler] = {
    "builtins.cell": _print_cell,
    "builtins.weakref": _print_weakref,
    "builtins.weakproxy": _print_weakref,
    "weakref.ReferenceType": _print_weakref,
    "weakref.ProxyType": _print_weakref,
    "weakref.CallableProxyType": _print_weakref,
    "builtins.PyCapsule": _print_capsule,
    "_contextvars.ContextVar": _print_context_variable,
    "_contextvars.Token": _print_token,
    "contextvars.ContextVar": _print_context_variable,
    "contextvars.Token": _print_token,
    "builtins.ContextVar": _print_context_variable,
    "builtins.Token": _print_token,
}
