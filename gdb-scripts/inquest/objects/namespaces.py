"""Modules, types, cells, frames, code, generators and other objects that hold names or run: one line each."""

from __future__ import annotations

from typing import Dict, Optional

from ..memory import MemoryFault
from .instances import print_attributes
from .printer import Handler, Printer
from .types import HEAP_TYPE, TypeInfo


def _print_type(printer: Printer, address: int, info: TypeInfo) -> None:
    found = printer.values.type_info(address)
    if "enum.EnumMeta" in info.mro_names or "enum.EnumType" in info.mro_names:
        flag = printer.values.access.version >= (3, 11) and "enum.Flag" in found.mro_names
        printer.write("<%s %r>" % ("flag" if flag else "enum", found.name))
        return
    kind = "type" if printer.values.access.version[0] == 2 and not found.flags & HEAP_TYPE else "class"
    printer.write("<%s '%s'>" % (kind, found.full_name))


def _text(printer: Printer, address: Optional[int]) -> Optional[str]:
    """The str at ``address``, None for None and for anything else."""
    if not address:
        return None
    try:
        return printer.values.str_value(address, 1000)
    except MemoryFault:
        return None


def _print_module(printer: Printer, address: int, info: TypeInfo) -> None:
    """As ``importlib._bootstrap._module_repr``: by the spec, else by ``__file__``, else by the loader."""
    values = printer.values
    names = dict(_named(printer, values.access.pointer(address, "PyModuleObject", "md_dict")))
    title = _text(printer, names.get("__name__")) or "?"
    spec = names.get("__spec__")
    if spec and values.type_of(spec).full_name != "NoneType":
        attributes = values.attribute_dict(spec)
        title = _text(printer, attributes.get("name")) or "?"
        origin = _text(printer, attributes.get("origin"))
        if origin is not None:
            located = attributes.get("_set_fileattr")
            by_file = located and values.read_int(located, 64)[0] == 1
            printer.write("<module %r from %r>" % (title, origin) if by_file else "<module %r (%s)>" % (title, origin))
            return
        names["__loader__"] = attributes.get("loader") or 0
    else:
        file = _text(printer, names.get("__file__"))
        if file is not None:
            printer.write("<module %r from %r>" % (title, file))
            return
        if values.access.version[0] == 2:
            printer.write("<module %r (built-in)>" % title)
            return
    loader = names.get("__loader__")
    if not loader or values.type_of(loader).full_name == "NoneType":
        printer.write("<module %r>" % title)
        return
    importer = values.type_info(loader).name if "builtins.type" in values.type_of(loader).mro_names else ""
    if importer in _IMPORTERS and values.access.version < (3, 12):
        printer.write("<module %r (%s)>" % (title, _IMPORTERS[importer]))
    else:
        printer.container(address, "<module %r (" % title, ")>", lambda: printer.value(loader))


_IMPORTERS = {"BuiltinImporter": "built-in", "FrozenImporter": "frozen"}


def _named(printer: Printer, namespace: int):
    wanted = ("__name__", "__spec__", "__file__", "__loader__")
    for key, value in printer.values.dict_items(namespace, 64):
        try:
            name = printer.values.types.key_text(key)
        except MemoryFault:
            continue
        if name in wanted:
            yield name, value


def _print_cell(printer: Printer, address: int, info: TypeInfo) -> None:
    held = printer.values.access.pointer(address, "PyCellObject", "ob_ref")
    if held:
        printer.container(address, "<cell at 0x%x: " % address, ">", lambda: printer.value(held))
    else:
        printer.write("<cell at 0x%x: empty>" % address)


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
    """``PyFrameObject *`` without the line, which the readers of frames know."""
    values, access = printer.values, printer.values.access
    if access.has("PyFrameObject", "f_code"):
        code = access.pointer(address, "PyFrameObject", "f_code")
    else:
        inner = access.pointer(address, "PyFrameObject", "f_frame")
        code = access.pointer(inner, "_PyInterpreterFrame", "f_executable", "f_code") & ~3
    name = values.str_value(access.pointer(code, "PyCodeObject", "co_name"), 500)
    file = values.str_value(access.pointer(code, "PyCodeObject", "co_filename"), 1000)
    printer.write("<frame at 0x%x, file %r, code %s>" % (address, file, name))


def _print_weakref(printer: Printer, address: int, info: TypeInfo) -> None:
    values, access = printer.values, printer.values.access
    target = access.pointer(address, "PyWeakReference", "wr_object")
    title = "weakproxy" if "proxy" in info.name.lower() else "weakref"
    known = values.type_of(target)
    if known.full_name == "NoneType":
        printer.write("<%s at 0x%x; dead>" % (title, address))
        return
    name = known.c_name
    suffix = _target_name(printer, target, known)
    if title == "weakproxy" and access.version < (3, 13):
        printer.write("<weakproxy at 0x%x to %s at 0x%x>" % (address, name, target))
        return
    printer.write("<%s at 0x%x; to '%s' at 0x%x%s>" % (title, address, name, target, suffix if title == "weakref" else ""))


def _target_name(printer: Printer, target: int, known: TypeInfo) -> str:
    try:
        if known.full_name == "function":
            return " (%s)" % printer.values.str_value(printer.values.access.pointer(target, "PyFunctionObject", "func_name"), 500)
        if "builtins.type" in known.mro_names:
            return " (%s)" % printer.values.type_info(target).name
    except MemoryFault:
        pass
    return ""


def _print_classobj(printer: Printer, address: int, info: TypeInfo) -> None:
    """2.7's classic class."""
    printer.write("<class %s at 0x%x>" % (_classic_name(printer, address), address))


def _classic_name(printer: Printer, address: int) -> str:
    values, access = printer.values, printer.values.access
    name = values.str_value(access.pointer(address, "PyClassObject", "cl_name"), 500)
    module = values.dict_get(access.pointer(address, "PyClassObject", "cl_dict"), "__module__")
    return "%s.%s" % (_text(printer, module) or "?", name)


def _print_classic_instance(printer: Printer, address: int, info: TypeInfo) -> None:
    name = _classic_name(printer, printer.values.access.pointer(address, "PyInstanceObject", "in_class"))
    print_attributes(printer, address, info, "<%s instance at 0x%x>" % (name, address))


def _print_namespace(printer: Printer, address: int, info: TypeInfo) -> None:
    """``types.SimpleNamespace``."""
    values = printer.values
    found = list(values.attributes.named(address, info))
    if values.access.version < (3, 9):
        found.sort()
    name = "namespace" if info.name == "SimpleNamespace" else info.name

    def write_items() -> None:
        printer.named(found)

    printer.call(name, address, write_items, name + "(...)")


def _print_capsule(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    name = access.pointer(address, "PyCapsule", "name")
    text = '"%s"' % access.reader.cstring(name, 200).decode("utf-8", "replace") if name else "NULL"
    printer.write("<capsule object %s at 0x%x>" % (text, address))


def _plain(title: str) -> Handler:
    def handler(printer: Printer, address: int, info: TypeInfo) -> None:
        printer.write("<%s at 0x%x>" % (title, address))

    return handler


HANDLERS: Dict[str, Handler] = {
    "builtins.type": _print_type,
    "builtins.module": _print_module,
    "builtins.cell": _print_cell,
    "builtins.generator": _generator("generator"),
    "builtins.coroutine": _generator("coroutine"),
    "builtins.async_generator": _generator("async_generator"),
    "builtins.code": _print_code,
    "builtins.frame": _print_frame,
    "builtins.property": _plain("property object"),
    "builtins.memoryview": _plain("memory"),
    "builtins.traceback": _plain("traceback object"),
    "builtins.weakref": _print_weakref,
    "builtins.weakproxy": _print_weakref,
    "weakref.ReferenceType": _print_weakref,
    "weakref.ProxyType": _print_weakref,
    "weakref.CallableProxyType": _print_weakref,
    "builtins.classobj": _print_classobj,
    "builtins.instance": _print_classic_instance,
    "types.SimpleNamespace": _print_namespace,
    "builtins.PyCapsule": _print_capsule,
}
