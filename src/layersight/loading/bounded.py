"""Reading the bytes of a stranger's files: regular files only, and never more than a bound.

The rule of this module: a size that a file declares is no bound; what is read is counted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from layersight.errors import ModelFileError, UnsafeModelError, shortened

STEP = 1 << 24  # bytes that are read at once
MAX_CONFIG = 64 << 20  # bytes of a configuration

# Commas and opening brackets of a JSON text. A configuration of as many values as are opened
# has at most 2,000,000; the rest is for commas within texts.
MAX_SIGNS = 3_000_000

# Bytes of the directory of a zip archive: of some 50,000 members, where a .keras file takes some
# hundred bytes.
MAX_DIRECTORY = 4 << 20


def parse_json(text: bytes) -> Any:
    """The value of a JSON text of a bounded number of values.

    An empty object takes two bytes of text and sixty of memory, so the length of a text is no
    bound for its size in memory; each value but the first follows a comma or a bracket. A text
    that is not such JSON raises ValueError, one that is nested too deep RecursionError.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_SIGNS:
        raise ValueError(f"more than {MAX_SIGNS} values")
    return json.loads(text)


def check_path(path: Path) -> None:
    """Refuses a path that the system cannot look up: one that is too long, or behind a lock."""
    if re.match(r"[a-z]+:/", str(path)):
        where = re.sub(r"^([a-z]+):/+", r"\1://", str(path))
        raise ModelFileError(
            f"expected a file, found an address: '{shortened(where, 200)}'. Download it and give "
            "the file."
        )
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot read {shortened(str(path), 200)}: {_why(error)}") from error


def check_regular(path: Path) -> int:
    """The size of a file that is neither a pipe nor a device, which may never end."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot read {path}: {_why(error)}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(
            f"cannot read {path}: expected a file, found a folder, a pipe or a device"
        )
    return status.st_size


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most so many."""
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
    """The path of a file or folder inside a stranger's folder, reached without a link."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if os.path.islink(path):  # noqa: PTH114 - never raises
            raise UnsafeModelError(f"{path} is a link to another place: not read")
    return path


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
    """
    with _Frugal(io.FileIO(path)) as file:
        file.most = MAX_DIRECTORY
        with zipfile.ZipFile(file) as archive:
            file.most = None
            yield archive


class _Frugal(io.BufferedReader):
    """A file of which no more than ``most`` bytes are read at once."""

    most: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise UnsafeModelError(
                f"{self.name} has a directory of members of {size} bytes, more than {self.most}: "
                "expected a .keras file, which holds a few members, not opened"
            )
        return super().read(size)


def member_pieces(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> Iterator[bytes]:
    """A member of a zip archive in pieces, at most ``limit`` bytes whatever its header says."""
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
    """How many bytes of weights a file may unfold to."""
    return unfolded(bytes_stored(path))


def unfolded(size: int) -> int:
    """How many bytes ``size`` packed bytes may unfold to.

    Weights hardly shrink when they are packed: a file that says it unfolds to many times its
    size is made to fill the memory.
    """
    return 20 * size + (64 << 20)


def bytes_stored(path: Path) -> int:
    """How many bytes of a file lie on the disk: holes in it cost nothing, and allow nothing."""
    size = check_regular(path)
    blocks: int | None = getattr(path.stat(), "st_blocks", None)
    if blocks:
        return min(size, 512 * blocks)
    # Some systems know no blocks, some file systems call them 0; a mere hole has none either.
    return 0 if blocks == 0 and size and _is_hole(path) else size


def _is_hole(path: Path) -> bool:
    """Whether a file holds no byte that was ever written, as far as its file system tells."""
    data = getattr(os, "SEEK_DATA", None)
    if data is None:
        return False
    with path.open("rb") as file:
        try:
            os.lseek(file.fileno(), 0, data)
        except OSError as error:
            return error.errno == errno.ENXIO
    return False


def check_stored(paths: Sequence[Path]) -> None:
    """Refuses files of numbers that are together far longer than what lies of them on the disk."""
    size = sum(map(check_regular, paths))
    stored = sum(map(bytes_stored, set(paths)))
    if size > unfolded(stored):
        raise UnsafeModelError(
            f"{paths[0]}{' and the files that belong to it' * (len(paths) > 1)} would be read as "
            f"{size} bytes, of which {stored} lie on the disk: not read"
        )


def file_digest(*paths: Path) -> str:
    """``sha256:`` and the digest of the bytes of a file, or of several one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return f"sha256:{digest.hexdigest()}"


def _why(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) else str(error)[:100]
