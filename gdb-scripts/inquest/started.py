"""How this Python was started, in its own words: ``sys.flags``, ``-X`` and ``-W`` options, ``sys.argv``, prefixes, hash seed.

``sys`` tells most of it in every version, whatever options it came by. ``PyConfig`` (3.8+, ``_PyCoreConfig`` in 3.7) and the flag variables
of Include/pydebug.h (before) tell what ``sys`` does not: the seed of the hashes and unbuffered output.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from .flags import config_value, static_word
from .frames.image import Image
from .frames.namespace import named_items, text
from .layout.model import LayoutMissing
from .memory import MemoryFault
from .objects.type_info import DICT_SUBCLASS, LIST_SUBCLASS

_MOST_WORDS = 256
_LONGEST = 500
_WANTED = ("flags", "warnoptions", "_xoptions", "argv", "executable", "prefix", "base_prefix", "real_prefix")
# The fields of sys.flags (Python/sysmodule.c, flags_fields) as far as releases of one minor version agree: int_max_str_digits, behind
# them, came to 3.7 to 3.10 with security releases.
_FLAGS_2: Sequence[str] = (
    "debug py3k_warning division_warning division_new inspect interactive optimize dont_write_bytecode no_user_site no_site ignore_environment tabcheck"
    " verbose unicode bytes_warning hash_randomization"
).split()
_FLAGS_3: Sequence[str] = (
    "debug inspect interactive optimize dont_write_bytecode no_user_site no_site ignore_environment verbose bytes_warning quiet hash_randomization isolated"
    " dev_mode utf8_mode"
).split()
_FLAGS_SINCE = (((3, 10), "warn_default_encoding"), ((3, 11), "safe_path"))

Symbol = Callable[[str], Optional[int]]


def how_started(image: Image, interpreter: Any, symbol: Symbol) -> Dict[str, Any]:
    """``python.run`` of the report; each part is None where it cannot be read, as when ``sys`` was cleared at the end."""
    found = _of_sys(image, interpreter.sysdict)
    prefix, base = (_text(image, found.get(name, 0)) for name in ("prefix", "base_prefix"))
    flags = _flags(image, found.get("flags", 0))
    return {
        "executable": _text(image, found.get("executable", 0)),
        "argv": _texts(image, found.get("argv", 0)),
        "flags": flags,
        "x_options": _x_options(image, found.get("_xoptions", 0)),
        "warn_options": _texts(image, found.get("warnoptions", 0)),
        "hash_seed": _hash_seed(image, interpreter, flags),
        "unbuffered": _unbuffered(image, interpreter, symbol),
        "prefix": prefix,
        # virtualenv's own name, before the standard library had one.
        "base_prefix": base or _text(image, found.get("real_prefix", 0)),
    }


def _of_sys(image: Image, sysdict: int) -> Dict[str, int]:
    found: Dict[str, int] = {}
    for name, value in named_items(image, sysdict) if sysdict else ():
        if name in _WANTED:
            found[name] = value
    return found


def _text(image: Image, value: int) -> Optional[str]:
    told = text(image, value)
    return None if told is None else told[:_LONGEST]


def _texts(image: Image, value: int) -> Optional[List[str]]:
    """The ``str`` items of a list (2.7 and virtualenv's ``sys.argv`` too); what is no string, as a program may put there, is left out."""
    try:
        if not value or not image.values.type_of(value).flags & LIST_SUBCLASS:
            return None
        items = image.values.list_items(value, _MOST_WORDS)
    except (MemoryFault, LayoutMissing):
        return None
    return [told for told in (_text(image, item) for item in items) if told is not None]


def _flags(image: Image, value: int) -> Optional[Dict[str, int]]:
    """``sys.flags``, a struct sequence: by the type's size a ``PyTupleObject``."""
    names = _FLAGS_2 if image.version[0] == 2 else _names_of_3(image.version)
    out: Dict[str, int] = {}
    try:
        for name, item in zip(names, image.values.tuple_items(value, len(names)) if value else ()):
            number = image.values.long_value(item, 64)
            if not -(1 << 31) <= number < 1 << 31:
                return None
            out[name] = int(number)
    except (MemoryFault, LayoutMissing):
        return None
    return out or None


def _names_of_3(version: Tuple[int, int]) -> Sequence[str]:
    if version < (3, 7):
        return _FLAGS_3[:13]
    return [*_FLAGS_3, *(name for since, name in _FLAGS_SINCE if version >= since)]


def _x_options(image: Image, value: int) -> Optional[List[str]]:
    """``-X NAME`` or ``-X NAME=VALUE``, each as it was written."""
    try:
        if not value or not image.values.type_of(value).flags & DICT_SUBCLASS:
            return None
    except (MemoryFault, LayoutMissing):
        return None
    pairs: Iterable[Tuple[str, int]] = named_items(image, value, _MOST_WORDS)
    return [name[:_LONGEST] if told is None else ("%s=%s" % (name, told))[:_LONGEST] for name, told in ((name, _text(image, item)) for name, item in pairs)]


def _hash_seed(image: Image, interpreter: Any, flags: Optional[Dict[str, int]]) -> Optional[int]:
    """PYTHONHASHSEED, where one was set (0 switches the randomization off); None for a random one, which the configuration does not keep."""
    used = config_value(image, interpreter, "use_hash_seed")
    if used is not None and used > 0:
        seed = config_value(image, interpreter, "hash_seed")
        return None if seed is None else seed & 0xFFFFFFFF
    if used is None and flags is not None and flags.get("hash_randomization") == 0 and image.version[0] == 3:
        return 0
    return None


def _unbuffered(image: Image, interpreter: Any, symbol: Symbol) -> Optional[bool]:
    buffered = config_value(image, interpreter, "buffered_stdio")
    if buffered in (0, 1):
        return buffered == 0
    unbuffered = static_word(image, symbol, "Py_UnbufferedStdioFlag")
    return unbuffered == 1 if unbuffered in (0, 1) else None
