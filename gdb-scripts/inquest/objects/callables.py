"""Functions, methods, descriptors: Objects/funcobject.c, methodobject.c, classobject.c, descrobject.c."""

from __future__ import annotations

from typing import Dict

from ..memory import MemoryFault
from .printer import Handler, Printer
from .type_info import TypeInfo


def _print_function(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    name = printer.values.str_value(access.pointer(address, "PyFunctionObject", "func_qualname", "func_name"), 500)
    printer.write("<function %s at 0x%x>" % (name, address))


def _builtin_name(printer: Printer, address: int) -> str:
    """``ml_name`` of a ``PyCFunctionObject *``."""
    access = printer.values.access
    definition = access.pointer(address, "PyCFunctionObject", "m_ml")
    return access.reader.cstring(access.pointer(definition, "PyMethodDef", "ml_name"), 200).decode("utf-8", "replace")


def _print_builtin(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    name = _builtin_name(printer, address)
    owner = access.pointer(address, "PyCFunctionObject", "m_self")
    owner_type = printer.values.type_of(owner) if owner else None
    if owner_type is None or (owner_type.full_name == "module" and access.version[0] > 2):
        printer.write("<built-in function %s>" % name)
    else:
        printer.write("<built-in method %s of %s object at 0x%x>" % (name, owner_type.c_name, owner))


def _print_method(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    function = access.pointer(address, "PyMethodObject", "im_func")
    owner = access.pointer(address, "PyMethodObject", "im_self")
    name = _callable_name(printer, function)
    if access.version[0] == 2:
        name = "%s.%s" % (_class_name(printer, access.pointer(address, "PyMethodObject", "im_class")), name)
        if not owner:
            printer.write("<unbound method %s>" % name)
            return
    printer.container(address, "<bound method %s of " % name, ">", lambda: printer.value(owner))


def _callable_name(printer: Printer, function: int) -> str:
    try:
        if printer.values.type_of(function).full_name == "function":
            return printer.values.str_value(printer.values.access.pointer(function, "PyFunctionObject", "func_qualname", "func_name"), 500)
        if "builtin_function_or_method" in printer.values.type_of(function).full_name:
            return _builtin_name(printer, function)
        found = printer.values.getattr_static(function, "__qualname__") or printer.values.getattr_static(function, "__name__")
        return printer.values.str_value(found, 500) if found else "?"
    except MemoryFault:
        return "?"


def _class_name(printer: Printer, address: int) -> str:
    try:
        if printer.values.type_of(address).full_name == "classobj":
            return printer.values.str_value(printer.values.access.pointer(address, "PyClassObject", "cl_name"), 500)
        return printer.values.type_info(address).name
    except MemoryFault:
        return "?"


def _descriptor(pattern: str) -> Handler:
    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        access = printer.values.access
        name = printer.values.str_value(access.pointer(address, "PyDescrObject", "d_name", "d_common.d_name"), 500)
        owner = printer.values.type_info(access.pointer(address, "PyDescrObject", "d_type", "d_common.d_type"))
        if access.version >= (3, 15) and owner.c_name == "object":
            printer.write(pattern.partition(" of ")[0] % name + ">")
        else:
            printer.write(pattern % (name, owner.c_name))

    return handler


def _print_method_wrapper(printer: Printer, address: int, info: TypeInfo) -> None:
    """``wrapperobject *``: a slot wrapper bound to an object."""
    access = printer.values.access
    descriptor = access.pointer(address, "wrapperobject", "descr")
    owner = access.pointer(address, "wrapperobject", "self")
    name = printer.values.str_value(access.pointer(descriptor, "PyDescrObject", "d_name", "d_common.d_name"), 500)
    quoted = "'%s'" % name
    printer.write("<method-wrapper %s of %s object at 0x%x>" % (quoted, printer.values.type_of(owner).c_name, owner))


def _wrapping(struct: str, field: str) -> Handler:
    """``staticmethod`` and ``classmethod``, whose repr shows what they wrap from 3.10 on."""

    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        access = printer.values.access
        if access.version < (3, 10):
            printer.write("<%s object at 0x%x>" % (info.full_name, address))
            return
        inner = access.pointer(address, struct, field)
        printer.container(address, "<%s(" % struct, ")>", lambda: printer.value(inner))

    return handler


HANDLERS: Dict[str, Handler] = {
    "builtins.function": _print_function,
    "builtins.builtin_function_or_method": _print_builtin,
    "builtins.builtin_method": _print_builtin,
    "builtins.method": _print_method,
    "builtins.instancemethod": _print_method,
    "builtins.method_descriptor": _descriptor("<method '%s' of '%s' objects>"),
    "builtins.classmethod_descriptor": _descriptor("<method '%s' of '%s' objects>"),
    "builtins.wrapper_descriptor": _descriptor("<slot wrapper '%s' of '%s' objects>"),
    "builtins.member_descriptor": _descriptor("<member '%s' of '%s' objects>"),
    "builtins.getset_descriptor": _descriptor("<attribute '%s' of '%s' objects>"),
    "builtins.method-wrapper": _print_method_wrapper,
    "builtins.staticmethod": _wrapping("staticmethod", "sm_callable"),
    "builtins.classmethod": _wrapping("classmethod", "cm_callable"),
}
