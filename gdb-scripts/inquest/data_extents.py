"""Where a sparse file holds data: a core of many threads is mostly holes, the untouched parts of their stacks. (lseek(2), SEEK_DATA)"""

from __future__ import annotations

import errno
import os
from typing import List, Tuple

_MOST = 100_000

Extent = Tuple[int, int]


def data_extents(path: str) -> List[Extent]:
    """``[start, end)`` in bytes, ascending; one for the whole file where its file system tells no holes. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        found: List[Extent] = []
        at = 0
        while at < size:
            try:
                start = os.lseek(descriptor, at, os.SEEK_DATA)
            except OSError as error:
                # ENXIO: nothing but a hole is left.
                return found if error.errno == errno.ENXIO else [(0, size)]
            at = os.lseek(descriptor, start, os.SEEK_HOLE) if len(found) < _MOST else size
            found.append((start, at))
        return found
    finally:
        os.close(descriptor)
