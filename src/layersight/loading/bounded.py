"""Reading files of a stranger by the byte: regular files only, and never more than was said.

The rule of this module: a size that somebody declares is no bound; what is read is counted.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from layersight.errors import ModelFileError, UnsafeModelError

STEP = 1 << 24
"""How many bytes are read at once."""

MAX_CONFIG = 64 << 20
"""The longest configuration that is read, in bytes."""

MAX_SIGNS = 3_000_000
"""How many commas and opening brackets a JSON text may hold. A configuration of as many values
as are opened has at most 2,000,000; the rest is for commas within texts."""

MAX_DIRECTORY = 4 << 20
"""The longest directory of a zip archive that is read, in bytes: of some 50,000 members. That of
a ``.keras`` file takes some hundred."""


def parse_json(text: bytes) -> Any:
    """The value of a JSON text of few enough pieces.

    An empty object takes two bytes of text and sixty of memory, so the length of a text is no
    bound for what it unfolds to; each piece but the first follows a comma or a bracket.

    Raises:
        ValueError: It is no JSON, or of too many pieces.
        RecursionError: It is nested too deep.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_SIGNS:
        raise ValueError(f"more than {MAX_SIGNS} values")
    return json.loads(text)


def check_regular(path: Path) -> int:
    """The size of a file that is neither a pipe nor a device, which may never end.

    Raises:
        ModelFileError: It is one, a folder, or cannot be looked at.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot read {path}: {_why(error)}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ModelFileError(
            f"cannot read {path}: expected a file, found a folder, a pipe or a device"
        )
    return found.st_size


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most so many.

    Raises:
        ModelFileError: It is missing or no regular file.
        UnsafeModelError: It is longer.
    """
    size = check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {_why(error)}") from error
    if max(size, len(data)) > limit:
        raise UnsafeModelError(f"{path} is larger than {limit} bytes: not read")
    return data


def check_inside(folder: Path, name: str) -> Path:
    """A file or folder in a folder of a stranger, reached without a link.

    Args:
        folder: The folder, which the user named.
        name: What is in it, with ``/`` between the parts of a path.

    Raises:
        UnsafeModelError: A part of it is a link, which may point anywhere.
    """
    place = folder
    for part in name.split("/"):
        place = place / part
        if place.is_symlink():
            raise UnsafeModelError(f"{place} is a link to another place: not read")
    return place


def read_start(path: Path, count: int) -> bytes:
    """The first bytes of a regular file; empty if it is none or cannot be read."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            return file.read(count)
    except (OSError, ModelFileError):
        return b""


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip archive whose directory of members is not too long.

    The library makes an object of every member as soon as an archive is opened. It reads the
    directory as a whole, by whichever of the two records at the end of the file it goes by; that
    one read is bounded here, so that no record has to be believed.

    Raises:
        UnsafeModelError: The directory is too long.
        zipfile.BadZipFile: It is no archive, or damaged.
        OSError: It cannot be read.
    """
    with _Frugal(io.FileIO(path)) as file:
        file.most = MAX_DIRECTORY
        with zipfile.ZipFile(file) as archive:
            file.most = None
            yield archive


class _Frugal(io.BufferedReader):
    """A file of which no more than so many bytes are read at once.

    Attributes:
        most: The most bytes; ``None`` for no bound.
    """

    most: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads so many bytes.

        Raises:
            UnsafeModelError: They are too many.
        """
        if self.most is not None and size is not None and size > self.most:
            raise UnsafeModelError(
                f"{self.name} has a directory of members of {size} bytes, more than {self.most}: "
                "expected a .keras file, which holds a few members, not opened"
            )
        return super().read(size)


def member_pieces(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> Iterator[bytes]:
    """A member of a zip archive in pieces, unpacked to at most so many bytes.

    Args:
        archive: The archive.
        name: The member's name.
        limit: The most bytes that are unpacked, whatever the archive declares.
        path: The archive's own path, for the message.

    Raises:
        UnsafeModelError: It is longer.
    """
    too_long = UnsafeModelError(f"{name} in {path} is larger than {limit} bytes: not read")
    if archive.getinfo(name).file_size > limit:
        raise too_long
    left = limit
    with archive.open(name) as member:
        # A count of -1 would unpack whatever comes; the declared size may be a lie.
        while piece := member.read(min(STEP, left + 1)):
            left -= len(piece)
            if left < 0:
                raise too_long
            yield piece


def bytes_allowed(path: Path) -> int:
    """How many bytes of weights a file may unfold to.

    Weights hardly shrink when they are packed: a file that says it unfolds to many times its
    size is made to fill the memory.

    Raises:
        ModelFileError: It is no regular file, or cannot be looked at.
    """
    return unfolded(check_regular(path))


def bytes_stored(path: Path) -> int:
    """How many bytes of a file lie on the disk: holes in it cost nothing, and are worth nothing.

    Raises:
        ModelFileError: It is no regular file, or cannot be looked at.
    """
    size = check_regular(path)
    blocks = getattr(path.stat(), "st_blocks", None)
    return size if blocks is None else min(size, 512 * blocks)


def unfolded(size: int) -> int:
    """How many bytes so many may unfold to."""
    return 20 * size + (64 << 20)


def _why(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) else str(error)[:100]
