"""What ``typing`` is made of: ``typing.List[int]``, ``~T``, ``typing.Optional[...]`` (Lib/typing.py from 3.7 on, Objects/typevarobject.c)."""

from __future__ import annotations

from typing import Dict, List

from .aliases import write_type_name
from .instances import print_instance
from .modules import optional_text
from .printer import Handler, Printer
from .type_info import TypeInfo


def _attributes(printer: Printer, address: int) -> Dict[str, int]:
    return printer.values.attribute_dict(address)


def _print_form(printer: Printer, address: int, info: TypeInfo) -> None:
    """``typing.Any``: a ``_SpecialForm``, or an alias of a class without arguments."""
    name = optional_text(printer, _attributes(printer, address).get("_name"))
    if name is None:
        print_instance(printer, address, info)
    else:
        printer.write("typing." + name)


def _write_list(printer: Printer, items: List[int]) -> None:
    if items:
        printer.items(items, write=lambda item: write_type_name(printer, item))
    else:
        printer.write("()")


def _print_alias(printer: Printer, address: int, info: TypeInfo) -> None:
    """``_GenericAlias`` and its subclasses: a name or an origin, and the arguments."""
    values = printer.values
    found = _attributes(printer, address)
    name, origin, arguments = optional_text(printer, found.get("_name")), found.get("__origin__", 0), found.get("__args__")
    special = found.get("_special")
    if name is not None and (not arguments or (special and values.read_int(special, 64)[0] == 1)):
        printer.write("typing." + name)
        return
    items = values.tuple_items(arguments or 0, printer.limits.items)
    union = values.access.version >= (3, 9) and optional_text(printer, _attributes(printer, origin).get("_name")) == "Union"
    if union and len(items) == 2 and any(_is_none_type(printer, item) for item in items):
        rest = [item for item in items if not _is_none_type(printer, item)]
        printer.container(address, "typing.Optional[", "]", lambda: _write_list(printer, rest))
        return
    if name is not None:
        printer.write("typing." + name)
    else:
        write_type_name(printer, origin)
    if name == "Callable" and items and not (len(items) == 2 and _stands_for_parameters(printer, items[0])):
        printer.container(address, "[[", "]", lambda: _write_parameters(printer, items[:-1]))
        printer.write(", ")
        write_type_name(printer, items[-1])
        printer.write("]")
        return
    printer.container(address, "[", "]", lambda: _write_list(printer, items))


def _write_parameters(printer: Printer, items: List[int]) -> None:
    if items:
        _write_list(printer, items)


def _is_none_type(printer: Printer, address: int) -> bool:
    return "builtins.type" in printer.values.type_of(address).mro_names and printer.values.type_info(address).full_name == "NoneType"


def _stands_for_parameters(printer: Printer, address: int) -> bool:
    return printer.values.type_of(address).name in ("ellipsis", "ParamSpec", "_ConcatenateGenericAlias")


def _print_unpacked(printer: Printer, address: int, info: TypeInfo) -> None:
    """3.11 tells ``Unpack[…]`` by a star."""
    if printer.values.access.version >= (3, 12):
        _print_alias(printer, address, info)
        return
    printer.write("*")
    printer.items(printer.values.tuple_items(_attributes(printer, address).get("__args__", 0), 1))


def _print_annotated(printer: Printer, address: int, info: TypeInfo) -> None:
    found = _attributes(printer, address)
    metadata = printer.values.tuple_items(found.get("__metadata__", 0), printer.limits.items)

    def write_items() -> None:
        write_type_name(printer, found.get("__origin__", 0))
        printer.write(", ")
        printer.items(metadata)

    printer.container(address, "typing.Annotated[", "]", write_items)


def _print_reference(printer: Printer, address: int, info: TypeInfo) -> None:
    """``ForwardRef('Name')``; from 3.14 on with its module, its owner and whether it stands in a class, where it has them."""
    values, found = printer.values, _attributes(printer, address)
    text = found.get("__forward_arg__") or found.get("__arg__")
    if not text:
        print_instance(printer, address, info)
        return
    later = values.access.version >= (3, 14)
    module, owner, of_class = (found.get(name, 0) for name in ("__forward_module__", "__owner__", "__forward_is_class__"))

    def write_items() -> None:
        printer.value(text)
        if module and values.type_of(module).full_name != "NoneType":
            printer.write(", module=")
            printer.value(module)
        if later and of_class and values.read_int(of_class, 64)[0] == 1:
            printer.write(", is_class=True")
        if later and owner and values.type_of(owner).full_name != "NoneType":
            printer.write(", owner=")
            printer.value(owner)

    printer.call("ForwardRef", address, write_items)


_VARIABLES = {"TypeVar": "typevarobject", "ParamSpec": "paramspecobject", "TypeVarTuple": "typevartupleobject"}


def _print_variable(printer: Printer, address: int, info: TypeInfo) -> None:
    """``TypeVar`` and ``ParamSpec``, in 3.15 ``TypeVarTuple`` too: ``+T``, ``-T``, ``~T``, ``T`` when its variance is inferred. In C
    from 3.12 on."""
    access = printer.values.access
    if info.name == "TypeVarTuple" and access.version < (3, 15):
        _print_named(printer, address, info)
        return
    if access.version >= (3, 12):
        struct = _VARIABLES[info.name] + ("2" if info.name != "TypeVarTuple" and access.version >= (3, 13) else "")
        name = printer.values.str_value(access.pointer(address, struct, "name"), 500)
        bits = [bool(access.uint(address, struct, field)) for field in ("covariant", "contravariant", "infer_variance")]
    else:
        found = _attributes(printer, address)
        name = printer.values.str_value(found.get("__name__", 0), 500)
        bits = [found.get(field, 0) != 0 and printer.values.read_int(found[field], 64)[0] == 1 for field in ("__covariant__", "__contravariant__")]
        bits.append(False)
    printer.write(("" if bits[2] else "+" if bits[0] else "-" if bits[1] else "~") + name)


def _print_named(printer: Printer, address: int, info: TypeInfo) -> None:
    """``TypeVarTuple`` (to 3.14) and ``TypeAliasType`` by their names alone, which in C come first."""
    access = printer.values.access
    name = _attributes(printer, address).get("__name__") or access.reader.pointer(address + access.size("PyObject"))
    printer.write(printer.values.str_value(name, 500))


def _print_new_type(printer: Printer, address: int, info: TypeInfo) -> None:
    found = _attributes(printer, address)
    module, name = optional_text(printer, found.get("__module__")), optional_text(printer, found.get("__qualname__"))
    if module is None or name is None:
        print_instance(printer, address, info)
    else:
        printer.write("%s.%s" % (module, name))


HANDLERS: Dict[str, Handler] = {
    "typing._SpecialForm": _print_form,
    "typing._SpecialGenericAlias": _print_form,
    "typing._GenericAlias": _print_alias,
    "typing._AnnotatedAlias": _print_annotated,
    "typing.ForwardRef": _print_reference,
    "annotationlib.ForwardRef": _print_reference,
    "typing.TypeVar": _print_variable,
    "typing.ParamSpec": _print_variable,
    "typing.TypeVarTuple": _print_variable,
    "typing.TypeAliasType": _print_named,
    "typing.NewType": _print_new_type,
}

FUNCTIONS: Dict[str, Handler] = {
    "typing._CallableGenericAlias.__repr__": _print_alias,
    "typing._UnionGenericAlias.__repr__": _print_alias,
    "typing._UnpackGenericAlias.__repr__": _print_unpacked,
}
