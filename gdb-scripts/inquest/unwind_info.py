"""Whether a file tells how its frames are unwound.

musl's C library is built without call frame information for its functions: what its ``.eh_frame`` holds is about the stubs of its procedure
linkage table. gdb then guesses from the code, and behind a system call it guesses wrong.
"""

from __future__ import annotations

from typing import Optional

from .elf import PT_LOAD, ElfError, ElfFile

_PF_X = 1
_BYTES_FOR_AN_ENTRY = 4096
"""Code has an entry for each function; a file with fewer than one for so many bytes of code was built without."""
_SMALLEST_ENTRY = 16
_UDATA4, _SDATA4 = 0x03, 0x0B


def tells_frames(elf: Optional[ElfFile], debug_elf: Optional[ElfFile] = None) -> bool:
    """``.debug_frame`` in the file or its debug file, or enough entries in ``.eh_frame_hdr`` (LSB, Exception Frames).

    A file whose sections cannot be read counts as one that tells: then gdb looks for itself.
    """
    try:
        if elf is None:
            return False
        if not elf.sections or any(each is not None and ".debug_frame" in each.sections for each in (elf, debug_elf)):
            return True
        code = sum(segment.filesz for segment in elf.segments if segment.type == PT_LOAD and segment.flags & _PF_X)
        count = _entries(elf)
        return count is None or count * _BYTES_FOR_AN_ENTRY >= code
    except ElfError:
        return True


def _entries(elf: ElfFile) -> Optional[int]:
    """``fde_count`` of ``.eh_frame_hdr``; 0 where ``.eh_frame`` is absent or empty; None where the header does not say it in four bytes."""
    header = elf.sections.get(".eh_frame_hdr")
    if header is None:
        section = elf.sections.get(".eh_frame")
        return None if section is not None and section.size >= _SMALLEST_ENTRY else 0
    raw = elf.read_address(header.address, 12)
    if raw is None or raw[0] != 1 or raw[1] & 0x0F not in (_UDATA4, _SDATA4) or raw[2] != _UDATA4:
        return None
    return int.from_bytes(raw[8:12], "little" if elf.byte_order == "little" else "big")
