"""Reading the bytes of untrusted files: regular files only, and never more than a bound.

The rule of this module: a size that a file declares is not trusted; what is read is counted.
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

# Commas and opening brackets of a JSON text. A configuration of as many values as are accepted
# has at most 2,000,000; the rest is for commas inside strings.
MAX_SEPARATORS = 3_000_000

# Bytes of the directory of a zip archive: enough for 50,000 members, where that of a .keras file
# takes a few hundred bytes.
MAX_DIRECTORY = 4 << 20


def parse_json(text: bytes) -> Any:
    """The value of a JSON text of a bounded number of values.

    An empty object takes two bytes of text and sixty of memory, so the length of a text does not
    bound its size in memory; each value but the first follows a comma or a bracket. A text that is
    not such JSON raises ValueError, one that is nested too deep RecursionError.
    """
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_SEPARATORS:
        raise ValueError(f"more than {MAX_SEPARATORS} values")
    return json.loads(text)


def check_path(path: Path) -> None:
    """Refuses an address, and a path that is too long or whose folder may not be read."""
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
    """The size of a regular file; a pipe or a device, which may never end, is refused."""
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
    """The bytes of a regular file, refused if there are more than ``limit``."""
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
    """The path of a file or folder inside an untrusted folder; links are refused."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if os.path.islink(path):  # noqa: PTH114 - never raises
            raise UnsafeModelError(f"{path} is a link to another place: not read")
    return path


def read_start(path: Path, count: int) -> bytes:
    """The first bytes of a regular file; empty if there is none or it cannot be read."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            return file.read(count)
    except (OSError, ModelFileError):
        return b""


@contextlib.contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a zip archive whose directory of members is not too long.

    The library creates an object for every member when it opens an archive. It reads the whole
    directory at once, at the size in one of two records at the end of the file; that read is
    bounded here, so that neither record has to be trusted.
    """
    with _BoundedFile(io.FileIO(path)) as file:
        file.most = MAX_DIRECTORY
        with zipfile.ZipFile(file) as archive:
            file.most = None
            yield archive


class _BoundedFile(io.BufferedReader):
    """A file of which at most ``most`` bytes are read at once."""

    most: int | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise UnsafeModelError(
                f"{self.name} has a directory of members of {size} bytes, more than {self.most}: "
                "expected a .keras file, which has only a few members; not opened"
            )
        return super().read(size)


def member_pieces(archive: zipfile.ZipFile, name: str, limit: int, path: Path) -> Iterator[bytes]:
    """A member of a zip archive in pieces, at most ``limit`` bytes whatever its header claims."""
    too_long = UnsafeModelError(f"{name} in {path} is larger than {limit} bytes: not read")
    if archive.getinfo(name).file_size > limit:
        raise too_long
    left = limit
    with archive.open(name) as member:
        # A count of -1 would unpack everything; the declared size may be a lie.
        while piece := member.read(min(STEP, left + 1)):
            left -= len(piece)
            if left < 0:
                raise too_long
            yield piece


def bytes_allowed(path: Path) -> int:
    """The bytes of weights that a file may unpack to."""
    return max_unpacked(bytes_stored(path))


def max_unpacked(size: int) -> int:
    """The bytes that ``size`` compressed bytes may unpack to.

    Weights hardly compress: a file that claims to unpack to many times its size is made to fill
    the memory.
    """
    return 20 * size + (64 << 20)


def bytes_stored(path: Path) -> int:
    """The bytes of a file that are on the disk: holes in a sparse file do not count."""
    size = check_regular(path)
    blocks: int | None = getattr(path.stat(), "st_blocks", None)
    if blocks:
        return min(size, 512 * blocks)
    # Some systems do not report blocks, some file systems report 0, as for a file that is a hole.
    return 0 if blocks == 0 and size and _is_hole(path) else size


def _is_hole(path: Path) -> bool:
    """Whether no byte of a file was ever written, as far as its file system reports that."""
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
    """Refuses files of numbers that are together far longer than what is stored of them."""
    size = sum(map(check_regular, paths))
    stored = sum(map(bytes_stored, set(paths)))
    if size > max_unpacked(stored):
        raise UnsafeModelError(
            f"{paths[0]}{' and the files that belong to it' * (len(paths) > 1)} would be read as "
            f"{size} bytes, of which {stored} are on the disk: not read"
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
