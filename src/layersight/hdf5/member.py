"""A member of a zip archive as a file for HDF5, which reads here and there.

The rule of this module: a member is checked from end to end before anything is read of it.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from layersight.loading.bounded import member_pieces

HEAD = struct.Struct("<26xHH")
"""What stands before a member, with the lengths of its name and of what is noted beside it."""


def unfold(
    archive: zipfile.ZipFile, name: str, path: Path, allowance: int
) -> Generator[None, None, io.BytesIO | Window]:
    """Makes a file of a member.

    A packed one is unpacked into memory, since it would be unpacked from its start each time
    that HDF5 goes back; another is read where it lies.

    Args:
        archive: The archive.
        name: The member's name.
        path: The archive's own path, for the messages.
        allowance: How many bytes it may unfold to.

    Yields:
        Signs of life, while it is gone through.

    Returns:
        The file.

    Raises:
        UnsafeModelError: It is far too long.
    """
    info = archive.getinfo(name)
    packed = info.compress_type != zipfile.ZIP_STORED
    store = io.BytesIO()
    for piece in member_pieces(archive, name, allowance, path):
        if packed:
            store.write(piece)
        yield None
    if packed:
        return store
    held: Any = archive.fp
    held.seek(info.header_offset)
    before = HEAD.size + sum(HEAD.unpack(held.read(HEAD.size)))
    return Window(held, info.header_offset + before, info.file_size)


class Window(io.RawIOBase):
    """A part of an open file.

    Args:
        file: The file.
        start: Where the part begins, in bytes.
        size: How long it is.
    """

    def __init__(self, file: Any, start: int, size: int) -> None:
        self._file, self._start, self._size, self._place = file, start, size, 0

    def readable(self) -> bool:
        """It is read."""
        return True

    def seekable(self) -> bool:
        """And from anywhere."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def readinto(self, target: Any) -> int:
        """Reads what fits; nothing behind the part."""
        view = memoryview(target).cast("B")
        count = max(0, min(len(view), self._size - self._place))
        self._file.seek(self._start + self._place)
        count = int(self._file.readinto(view[:count]))
        self._place += count
        return count
