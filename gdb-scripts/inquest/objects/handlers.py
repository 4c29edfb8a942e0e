"""Which handler prints which type, by full name; looked up along the MRO, so that a subclass finds its base's."""

from __future__ import annotations

from typing import Dict

from . import (
    aliases,
    c_extensions,
    callables,
    classic,
    collections_types,
    containers,
    datetimes,
    decimals,
    exceptions,
    instances,
    modules,
    numpy_arrays,
    pure_python,
    references,
    running,
    scalars,
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
    aliases,
    c_extensions,
    collections_types,
    datetimes,
    decimals,
    pure_python,
    numpy_arrays,
)

HANDLERS: Dict[str, Handler] = {name: handler for family in _FAMILIES for name, handler in family.HANDLERS.items()}

FALLBACK: Handler = instances.print_instance
