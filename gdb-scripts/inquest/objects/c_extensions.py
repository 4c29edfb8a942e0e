"""Objects of C modules of the standard library: array, locks, mmap, ZoneInfo.

Modules/arraymodule.c, Modules/_threadmodule.c, Modules/mmapmodule.c, Modules/_zoneinfo.c.
"""

from __future__ import annotations

import struct
from typing import Dict

from .limits import Damaged
from .printer import Handler, Printer
from .text import code_points, quote_unicode_2
from .type_info import TypeInfo

_FORMATS = frozenset("bBhHiIlLqQfd")


def _print_array(printer: Printer, address: int, info: TypeInfo) -> None:
    """``arrayobject *``: ``array('i', [1, 2])``."""
    access = printer.values.access
    descriptor = access.pointer(address, "arrayobject", "ob_descr")
    code = chr(access.uint(descriptor, "arraydescr", "typecode"))
    size = access.sint(descriptor, "arraydescr", "itemsize")
    count = access.var_size(address)
    if not code.isalpha() or size not in (1, 2, 4, 8) or not 0 <= count < 1 << 44:
        raise Damaged(address, "array of %d items %r" % (count, code))
    name = info.name if access.version >= (3, 7) else "array"
    if not count:
        printer.write("%s(%r)" % (name, code))
        return
    text = code in "uwc"
    shown = min(count, printer.limits.string if text else printer.limits.items)
    raw = access.reader.read(access.pointer(address, "arrayobject", "ob_item"), shown * size)
    if text:
        try:
            found = code_points(raw, size, access.reader.byte_order)
            shown_text = quote_unicode_2(found) if access.version[0] == 2 and code == "u" else repr(found)
            printer.write("%s(%r, %s" % (name, code, shown_text))
        except ValueError:
            raise Damaged(address, "array with a code point above 0x10ffff") from None
        if shown < count:
            printer.cut()
        printer.write(")")
        return
    if code not in _FORMATS:
        raise Damaged(address, "array of items %r" % code)
    letter = {1: "b", 2: "h", 4: "i", 8: "q"}[size] if code not in "fd" else code
    order = "<" if access.reader.byte_order == "little" else ">"
    items = struct.unpack("%s%d%s" % (order, shown, letter.upper() if code.isupper() else letter), raw)
    suffix = "L" if access.version[0] == 2 and code in "IL" else ""
    printer.write("%s(%r, [%s" % (name, code, ", ".join(repr(item) + suffix for item in items)))
    if shown < count:
        printer.truncated = True
        printer.write(", … %d more" % (count - shown))
    printer.write("])")


def _print_lock(printer: Printer, address: int, info: TypeInfo) -> None:
    """``lockobject *``; in late 3.13 and from 3.14 on a ``PyMutex`` right behind the header, which the size of the object tells.
    2.7 keeps the state in the C library's lock alone."""
    access = printer.values.access
    if access.version[0] == 2:
        printer.write("<%s object at 0x%x>" % (info.full_name, address))
        return
    header = access.size("PyObject")
    if info.basicsize <= header + access.pointer_size:
        locked = access.reader.uint(address + header, 1) & 1
    else:
        locked = access.uint(address, "lockobject", "locked") & 1
    printer.write("<%s %s object at 0x%x>" % ("locked" if locked else "unlocked", info.full_name, address))


def _print_rlock(printer: Printer, address: int, info: TypeInfo) -> None:
    """``rlockobject *``; a ``_PyRecursiveMutex`` from 3.14 on, whose level counts from 0."""
    access = printer.values.access
    if access.has("rlockobject", "rlock_count"):
        owner, count = access.uint(address, "rlockobject", "rlock_owner"), access.uint(address, "rlockobject", "rlock_count")
    else:
        inner = address + access.offset("rlockobject", "lock")
        locked = access.uint(inner, "_PyRecursiveMutex", "mutex") & 1
        owner = access.uint(inner, "_PyRecursiveMutex", "thread")
        count = access.uint(inner, "_PyRecursiveMutex", "level") + 1 if locked else 0
    state = "locked" if count else "unlocked"
    printer.write("<%s %s object owner=%d count=%d at 0x%x>" % (state, info.full_name, owner, count, address))


def _print_zone(printer: Printer, address: int, info: TypeInfo) -> None:
    """``PyZoneInfo_ZoneInfo *``: ``zoneinfo.ZoneInfo(key='Europe/Paris')``."""
    access = printer.values.access
    key = access.pointer(address, "PyZoneInfo_ZoneInfo", "key")

    def write_items() -> None:
        printer.write("key=")
        printer.value(key)

    printer.call(info.c_name, address, write_items)


_ACCESS = ("ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY")


def _print_mmap(printer: Printer, address: int, info: TypeInfo) -> None:
    """``mmap_object *`` as from 3.10 on. What lies before the list of weak references and ``access`` behind it differs by version."""
    access = printer.values.access
    if not access.pointer(address, "mmap_object", "data"):
        printer.write("<%s closed=True>" % info.full_name)
        return
    size, at = access.ssize(address, "mmap_object", "size"), access.ssize(address, "mmap_object", "pos")
    if size < 0:
        raise Damaged(address, "a mapping of %d bytes" % size)
    after = access.offset("mmap_object", "pos") + access.pointer_size
    kind, offset = "", ""
    if info.weaklistoffset > after:
        number = access.reader.uint(address + info.weaklistoffset + access.pointer_size, 4)
        kind = ", access=" + _ACCESS[number] if number < len(_ACCESS) else ""
    if access.pointer_size == 8:
        offset = ", offset=%d" % access.reader.sint(address + after, 8)
    printer.write("<%s closed=False%s, length=%d, pos=%d%s>" % (info.full_name, kind, size, at, offset))


HANDLERS: Dict[str, Handler] = {
    "array.array": _print_array,
    "_thread.lock": _print_lock,
    "thread.lock": _print_lock,
    "_thread.RLock": _print_rlock,
    "mmap.mmap": _print_mmap,
    "zoneinfo.ZoneInfo": _print_zone,
}
