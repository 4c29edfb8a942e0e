"""Which handler prints an object of a type: the ``__repr__`` that its class would use decides, found without running it.

A ``__repr__`` that the standard library generates for classes (dataclasses, named tuples, global enums) is known by its function; any
other one that a class has of its own hides its base's, so the base's text is marked as the part of it that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Tuple

from ..memory import MemoryFault
from .generated import dataclass_handler, namedtuple_handler
from .printer import Handler
from .structured import print_structured
from .type_info import TypeInfo

if TYPE_CHECKING:
    from .values import Values

# These come before the builtins that their classes extend.
_FIRST = ("enum.Flag", "enum.Enum", "numpy.generic")
# Bases whose handler knows how each subclass in C shows itself.
_KNOW_SUBCLASSES = frozenset(("numpy.generic",))
_MOST_CACHED = 100_000
_LONGEST_NAME = 500

Choice = Tuple[Handler, bool]


class ReprFunction(NamedTuple):
    """The ``__repr__`` in Python that a class uses: the class in whose namespace it stands, the function's full name and its code's."""

    definer: int
    module: str
    qualname: str
    code_name: str


class Dispatch:
    """Chooses once for each type. ``handlers`` by the type's full name, ``functions`` by that of the ``__repr__`` function."""

    def __init__(self, values: "Values", handlers: Dict[str, Handler], functions: Dict[str, Handler], fallback: Handler) -> None:
        self.handlers = handlers
        self._functions = functions
        self._fallback = fallback
        self._values = values
        self._chosen: Dict[int, Choice] = {}

    def choose(self, info: TypeInfo) -> Choice:
        """(handler, whether a ``__repr__`` unknown to us hides what the handler prints)."""
        known = self._chosen.get(info.address)
        if known is None:
            known = self._choose(info)
            if len(self._chosen) < _MOST_CACHED:
                self._chosen[info.address] = known
        return known

    def _choose(self, info: TypeInfo) -> Choice:
        function = self._repr_function(info)
        made = self._generated(info, function) if function is not None else None
        if made is not None:
            return made, False
        if function is None and self._is_struct_sequence(info):
            return print_structured, False
        for name in (*_FIRST, *info.mro_names):
            handler = self.handlers.get(name)
            if handler is not None and name in info.mro_names:
                hidden = self._hides(info, name, function)
                fields = self._values.types.type_attribute(info, "_fields") if hidden and name == "builtins.tuple" else None
                return namedtuple_handler(fields, info.name) if fields is not None else handler, hidden
        return self._fallback, False

    def _is_struct_sequence(self, info: TypeInfo) -> bool:
        """A type that C made by ``PyStructSequence_InitType``; in 2.7 it is no subclass of tuple but laid out as one. The namespaces of
        static types are elsewhere from 3.12 on, so there a tuple with members of C tells."""
        access, is_tuple = self._values.access, "builtins.tuple" in info.mro_names[1:]
        if not is_tuple and (access.version[0] > 2 or info.is_heap):
            return False
        if is_tuple and not info.is_heap and access.pointer(info.address, "PyTypeObject", "tp_members"):
            return True
        return self._values.types.own_attribute(info.address, "n_sequence_fields") is not None

    def _hides(self, info: TypeInfo, name: str, function: Optional[ReprFunction]) -> bool:
        """Whether a class before the base ``name`` in the MRO has a ``__repr__`` of its own."""
        at = info.mro_names.index(name)
        if at == 0 or (name in _KNOW_SUBCLASSES and function is None):
            return False
        base = self._values.type_info(info.mro_addresses[at])
        if info.repr_slot != base.repr_slot:
            return True
        types = self._values.types
        return base.is_heap and types.type_attribute(info, "__repr__") != types.type_attribute(base, "__repr__")

    def _generated(self, info: TypeInfo, function: ReprFunction) -> Optional[Handler]:
        types = self._values.types
        if function.code_name == "wrapper" and types.own_attribute(function.definer, "__dataclass_params__") is not None:
            return dataclass_handler(function.definer)
        if (function.module == "collections" or function.module.startswith("namedtuple_")) and "builtins.tuple" in info.mro_names:
            fields = types.own_attribute(function.definer, "_fields")
            if fields is not None:
                # 2.7 writes the name into the function, later ones ask the object for it.
                owner = self._values.type_info(function.definer) if self._values.access.version[0] == 2 else info
                return namedtuple_handler(fields, owner.name)
        return self._functions.get("%s.%s" % (function.module, function.qualname))

    def _repr_function(self, info: TypeInfo) -> Optional[ReprFunction]:
        """None when the class uses a ``__repr__`` of C, as ``object`` has one."""
        values = self._values
        if not info.is_heap:
            return None
        try:
            if info.repr_slot == values.type_info(info.mro_addresses[-1]).repr_slot:
                return None
            found = values.types.defining(info, "__repr__")
            if found is None or values.type_of(found[1]).full_name != "function":
                return None
            access = values.access
            module = values.types.key_text(access.pointer(found[1], "PyFunctionObject", "func_module"))
            name = values.str_value(access.pointer(found[1], "PyFunctionObject", "func_qualname", "func_name"), _LONGEST_NAME)
            if not access.has("PyFunctionObject", "func_qualname"):
                name = "%s.%s" % (values.type_info(found[0]).name, name)
            code = access.pointer(found[1], "PyFunctionObject", "func_code")
            return ReprFunction(found[0], module or "", name, values.str_value(access.pointer(code, "PyCodeObject", "co_name"), _LONGEST_NAME))
        except MemoryFault:
            return None
