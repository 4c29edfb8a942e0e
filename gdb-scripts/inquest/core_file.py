"""A core file mapped into our own address space, as a ``Memory``."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional


class Mapping_:  # replaced below
    pass


def open_core(manifest: Mapping):
    """-> ``CoreMemory``, with ``.machine`` (``x86_64``…), ``.pointer_size``, ``.byte_order``, ``.read(address, size)``,
    ``.lwps: List[int]`` (first is the crashed one), ``.registers(lwp) -> Dict[str, int]`` (gdb's register names; includes ``fs_base``/``tpidr``
    where noted), ``.thread_pointer(lwp) -> Optional[int]``, ``.mappings: List[MappedFile]``, ``.segments``, ``.close()``; a context manager."""
    raise NotImplementedError
