"""Names of types whose files are missing, learned from the heap.

``tp_name`` of a static type is a string constant of the interpreter's (or extension module's) file. When that file is not
there, the heap still tells the names: ``builtins`` and modules such as ``types`` hold the types under theirs. Types of other
extension modules are named by the module of ``sys.modules`` with the shortest path that holds them: ``numpy.ndarray``.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Dict, Iterable, Iterator, List, Tuple

from .frames.image import Image
from .frames.namespace import lookup, module_globals, named_items
from .layout.model import LayoutMissing
from .memory import MemoryFault
from .modules import Module
from .objects.mappings import iterate_dict
from .objects.type_info import HEAP_TYPE, TYPE_SUBCLASS

# Second names of one type, which must not win.
_ALIASES = frozenset(("EnvironmentError", "IOError", "WindowsError", "LambdaType", "BuiltinMethodType", "SocketType", "__loader__", "__class__"))
_EXCEPTIONS = ("Error", "Exception", "Exit", "Iteration", "Interrupt", "Warning")
# Attribute of the module ``types`` to ``tp_name``.
_OF_TYPES = {
    "FunctionType": "function",
    "CodeType": "code",
    "MappingProxyType": "mappingproxy",
    "DictProxyType": "dictproxy",
    "CellType": "cell",
    "GeneratorType": "generator",
    "CoroutineType": "coroutine",
    "AsyncGeneratorType": "async_generator",
    "MethodType": "method",
    "BuiltinFunctionType": "builtin_function_or_method",
    "WrapperDescriptorType": "wrapper_descriptor",
    "MethodWrapperType": "method-wrapper",
    "MethodDescriptorType": "method_descriptor",
    "ClassMethodDescriptorType": "classmethod_descriptor",
    "ModuleType": "module",
    "TracebackType": "traceback",
    "FrameType": "frame",
    "GetSetDescriptorType": "getset_descriptor",
    "MemberDescriptorType": "member_descriptor",
    "SimpleNamespace": "types.SimpleNamespace",
    "GenericAlias": "types.GenericAlias",
    "ClassType": "classobj",
    "InstanceType": "instance",
}
# Modules whose attributes are types under their own names, and the module that those names begin with.
_MODULES = {
    "_collections_abc": "",
    "_collections": "collections.",
    "datetime": "datetime.",
    "_datetime": "datetime.",
    "_decimal": "decimal.",
    "_functools": "functools.",
    "_asyncio": "_asyncio.",
    "_thread": "_thread.",
    "thread": "thread.",
    "_weakref": "weakref.",
    "itertools": "itertools.",
    "_io": "_io.",
    "_struct": "_struct.",
    "array": "array.",
    "_socket": "_socket.",
}
_RENAMED = {"thread.LockType": "thread.lock", "_thread.LockType": "_thread.lock", "weakref.ref": "weakref.ReferenceType"}
_SINGLETONS = {"None": "NoneType", "Ellipsis": "ellipsis", "NotImplemented": "NotImplementedType"}
# Dict entries that the search of all modules looks at.
_MOST_ATTRIBUTES = 400_000


def learn_type_names(image: Image, interpreters: Iterable[Any], modules: Iterable[Module]) -> int:
    """Teaches ``image.values`` the names of static types that it cannot read itself; tells how many there were."""
    learned: Dict[int, str] = {}
    missing = _Ranges(mapping[:2] for module in modules if module.elf is None for mapping in module.mappings)
    for interpreter in interpreters:
        for address, name in (*_named_types(image, interpreter), *_types_of_extensions(image, interpreter, missing)):
            if address not in learned and _nameless(image, address):
                learned[address] = name
    if learned:
        image.values.types.learn(learned)
    return len(learned)


def _named_types(image: Image, interpreter: Any) -> Iterator[Tuple[int, str]]:
    """(``PyTypeObject *``, ``tp_name``), the surest first."""
    builtins = interpreter.builtins
    for name, value in named_items(image, builtins) if builtins else ():
        if name in _SINGLETONS:
            yield image.values.access.type_pointer(value), _SINGLETONS[name]
        elif name not in _ALIASES and not (name == "bytes" and image.version[0] == 2):
            yield value, ("exceptions." if image.version[0] == 2 and name.endswith(_EXCEPTIONS) else "") + name
    for name, prefix in (("types", None), *_MODULES.items()):
        module = lookup(image, interpreter.modules, name) if interpreter.modules else 0
        namespace = module_globals(image, module) if module else 0
        if name == "types" and module:
            yield image.values.access.type_pointer(module), "module"
        for attribute, value in named_items(image, namespace) if namespace else ():
            if prefix is None and attribute in _OF_TYPES:
                yield value, _OF_TYPES[attribute]
            elif prefix is not None and attribute not in _ALIASES:
                yield value, _RENAMED.get(prefix + attribute, prefix + attribute)


class _Ranges:
    """Address ranges, for many look-ups."""

    def __init__(self, ranges: Iterable[Tuple[int, int]]) -> None:
        self._ranges: List[Tuple[int, int]] = sorted(ranges)
        self._starts = [start for start, _ in self._ranges]

    def __contains__(self, address: int) -> bool:
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._ranges[index][1]


def _types_of_extensions(image: Image, interpreter: Any, missing: _Ranges) -> Iterator[Tuple[int, str]]:
    """(``PyTypeObject *``, ``MODULE.ATTRIBUTE``) for attributes that lie in a file that is missing; modules with short paths first."""
    named = [item for item in named_items(image, interpreter.modules)] if interpreter.modules else []
    budget = _MOST_ATTRIBUTES
    for module_name, module in sorted(named, key=lambda item: (item[0].count("."), item[0].startswith("_"))):
        namespace = module_globals(image, module)
        try:
            for key, value in iterate_dict(image.values.access, namespace) if namespace else ():
                budget -= 1
                if budget < 0:
                    return
                if value in missing and _nameless(image, value):
                    attribute = image.values.types.key_text(key)
                    if attribute:
                        yield value, module_name + "." + attribute
        except (MemoryFault, LayoutMissing):
            continue


def _nameless(image: Image, address: int) -> bool:
    """A static type, sound but for its name, which cannot be read. (Types made at run time keep theirs on the heap.)"""
    types = image.values.types
    try:
        if not types.flags(image.values.access.type_pointer(address)) & TYPE_SUBCLASS or types.flags(address) & HEAP_TYPE:
            return False
        name = image.pointer(address, "PyTypeObject", "tp_name")
    except (MemoryFault, LayoutMissing):
        return False
    try:
        image.reader.read(name, 1)
    except MemoryFault:
        return True
    return False
