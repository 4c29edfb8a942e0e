"""Types of the standard library by family; each module's docstring names the source that defines its structs."""

from __future__ import annotations

from typing import Dict

from . import aliases, c_extensions, collections_types, datetimes, decimals, pure_python
from .printer import Handler

HANDLERS: Dict[str, Handler] = {
    **aliases.HANDLERS,
    **c_extensions.HANDLERS,
    **collections_types.HANDLERS,
    **datetimes.HANDLERS,
    **decimals.HANDLERS,
    **pure_python.HANDLERS,
}
