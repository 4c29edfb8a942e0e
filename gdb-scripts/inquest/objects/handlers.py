"""Which handler prints which type, by full name; looked up along the MRO, so that a subclass finds its base's."""

from __future__ import annotations

from typing import Dict

from . import (
    addresses,
    aliases,
    asyncio_data,
    c_extensions,
    callables,
    cffi_data,
    classic,
    collections_types,
    containers,
    ctypes_data,
    datetimes,
    decimals,
    enums,
    exceptions,
    instances,
    modules,
    numpy_arrays,
    operators,
    pure_python,
    references,
    regexes,
    running,
    scalars,
    typing_forms,
)
from .printer import Handler

_FAMILIES = (
    scalars,
    containers,
    callables,
    exceptions,
    modules,
    running,
    references,
    classic,
    addresses,
    aliases,
    asyncio_data,
    c_extensions,
    cffi_data,
    collections_types,
    ctypes_data,
    datetimes,
    decimals,
    pure_python,
    enums,
    addresses,
    operators,
    regexes,
    typing_forms,
    numpy_arrays,
)

HANDLERS: Dict[str, Handler] = {name: handler for family in _FAMILIES for name, handler in family.HANDLERS.items()}

# By the full name of the ``__repr__`` that a class uses.
FUNCTIONS: Dict[str, Handler] = {**enums.FUNCTIONS, **typing_forms.FUNCTIONS, **ctypes_data.FUNCTIONS}

FALLBACK: Handler = instances.print_instance
