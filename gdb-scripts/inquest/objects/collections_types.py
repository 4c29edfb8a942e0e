"""deque, defaultdict, OrderedDict, Counter: Modules/_collectionsmodule.c, Objects/odictobject.c."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from ..memory import MemoryFault
from . import mappings, sequences
from .limits import Damaged
from .printer import Handler, Printer
from .type_info import TypeInfo


def _print_deque(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    size = sequences.deque_size(access, address)
    longest = access.ssize(address, "dequeobject", "maxlen")
    end = ")" if longest < 0 else ", maxlen=%d)" % longest

    def write_items() -> None:
        printer.items(sequences.iterate_deque(access, address), size)

    name = info.name if access.version >= (3, 7) else "deque"
    printer.container(address, name + "([", "]" + end, write_items, "[...]")


def _print_defaultdict(printer: Printer, address: int, info: TypeInfo) -> None:
    """A cycle shows in the dict inside: ``defaultdict(<class 'list'>, {...})``."""
    access = printer.values.access
    factory = access.pointer(address, "defdictobject", "default_factory")
    size = mappings.dict_size(access, address)
    printer.write((info.name if access.version >= (3, 7) else "defaultdict") + "(")
    if factory:
        printer.value(factory)
    else:
        printer.write("None")
    printer.write(", ")
    printer.container(address, "{", "}", lambda: _ignore(printer.pairs(mappings.iterate_dict(access, address), size)))
    printer.write(")")


def _ordered(printer: Printer, address: int) -> Iterator[mappings.Pair]:
    """The pairs of a ``PyODictObject *`` in its own order, which ``move_to_end`` parts from the dict's: its linked list of keys."""
    access = printer.values.access
    table = dict(mappings.iterate_dict(access, address))
    order: List[int] = []
    node = access.pointer(address, "PyODictObject", "od_first")
    while node and len(order) <= len(table):
        order.append(access.pointer(node, "odictnode", "key"))
        node = access.pointer(node, "odictnode", "next")
    if node or sorted(order) != sorted(table):
        raise Damaged(address, "OrderedDict whose list of keys differs from its table")
    return iter([(key, table[key]) for key in order])


def _ordered_2(printer: Printer, address: int) -> Iterator[mappings.Pair]:
    """2.7's, written in Python: ``__root`` is a list [previous, next, key] in a ring of such lists."""
    values = printer.values
    table = dict(mappings.iterate_dict(values.access, address))
    attributes = values.attribute_dict(address)
    root = attributes.get("_OrderedDict__root", 0)
    order: List[int] = []
    link = values.list_items(root, 3)[1]
    while link != root and len(order) <= len(table):
        _, following, key = values.list_items(link, 3)
        order.append(key)
        link = following
    if sorted(order) != sorted(table):
        raise Damaged(address, "OrderedDict whose list of keys differs from its table")
    return iter([(key, table[key]) for key in order])


def iterate_ordered(printer: Printer, address: int) -> Iterator[mappings.Pair]:
    """The pairs of an OrderedDict in its own order, in the dict's where that is damaged."""
    access = printer.values.access
    try:
        return _ordered_2(printer, address) if access.version[0] == 2 else _ordered(printer, address)
    except (MemoryFault, ValueError, IndexError):
        return mappings.iterate_dict(access, address)


def _print_ordered_dict(printer: Printer, address: int, info: TypeInfo) -> None:
    access = printer.values.access
    size = mappings.dict_size(access, address)
    if not size:
        printer.write(info.name + "()")
        return
    found = iterate_ordered(printer, address)
    if access.version >= (3, 12):
        printer.container(address, info.name + "({", "})", lambda: _ignore(printer.pairs(found, size)), "...")
    else:
        printer.container(address, info.name + "([", "])", lambda: write_tuples(printer, found), "...")


def _ignore(count: int) -> None:
    return None


def write_tuples(printer: Printer, found: Iterator[mappings.Pair]) -> None:
    """Pairs as tuples of two: the items of a view, the argument of an OrderedDict."""
    for count, (key, value) in enumerate(found):
        if count:
            printer.write(", ")
        if count >= printer.limits.items or printer.full:
            printer.cut()
            return
        printer.write("(")
        printer.value(key)
        printer.write(", ")
        printer.value(value)
        printer.write(")")


def _print_counter(printer: Printer, address: int, info: TypeInfo) -> None:
    """The commonest first, as ``Counter.__repr__`` does; in the dict's order when the counts cannot be compared."""
    values = printer.values
    size = mappings.dict_size(values.access, address)
    if not size:
        printer.write(info.name + "()")
        return
    found: List[Tuple[int, int]] = values.dict_items(address, 5000)
    try:
        counts = [_comparable(printer, value) for _, value in found]
        found = [found[at] for at in sorted(range(len(found)), key=lambda at: counts[at], reverse=True)]
    except (MemoryFault, TypeError):
        pass
    printer.container(address, info.name + "({", "})", lambda: _ignore(printer.pairs(found, size)), "...")


def _comparable(printer: Printer, value: int) -> Any:
    """A number or str as it stood in the process. Raises ``MemoryFault`` for any other object."""
    values = printer.values
    names = values.type_of(value).mro_names
    if "builtins.float" in names:
        return values.float_value(value)
    return values.str_value(value) if "builtins.str" in names else values.long_value(value)


HANDLERS: Dict[str, Handler] = {
    "collections.deque": _print_deque,
    "collections.defaultdict": _print_defaultdict,
    "collections.OrderedDict": _print_ordered_dict,
    "collections.Counter": _print_counter,
}
