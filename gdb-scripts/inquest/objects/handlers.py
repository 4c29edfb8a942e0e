"""Which handler prints which type, by full name; looked up along the MRO, so that a subclass finds its base's."""

from __future__ import annotations

from typing import Dict

from . import builtins, callables, exceptions, instances, namespaces, numpy_arrays, stdlib
from .printer import Handler

HANDLERS: Dict[str, Handler] = {
    **builtins.HANDLERS,
    **callables.HANDLERS,
    **exceptions.HANDLERS,
    **namespaces.HANDLERS,
    **stdlib.HANDLERS,
    **numpy_arrays.HANDLERS,
}

FALLBACK: Handler = instances.print_instance
