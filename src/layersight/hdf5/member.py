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

# The header of a member, with the lengths of its name and of its extra field.
HEAD = struct.Struct("<26xHH")


def unfold(
    archive: zipfile.ZipFile, name: str, path: Path, allowance: int
) -> Generator[None, None, io.BytesIO | Window]:
    """Makes a file of a member, and yields signs of life while it is read from end to end.

    A packed one is unpacked into memory, since it would be unpacked from its start each time
    that HDF5 goes back; another is read where it lies.
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
    """A part of an open file."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        count = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        count = int(self._file.readinto(view[:count]))
        self._at += count
        return count
