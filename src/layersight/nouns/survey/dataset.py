"""The images of a survey: from folders, lists, tar and Parquet files, or arrays.

The rule of this module: a data set is a list of names in the order of their letters, each with its
class and with where its bytes are; nothing is decoded, and nothing is unpacked to a disk.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from layersight.errors import ImageError
from layersight.images import contents, find_images, reading
from layersight.images.arrays import as_array, is_array_file
from layersight.images.finding import SUFFIXES

LISTS = (".txt", ".lst")
"""Suffixes of files that name an image on each line, and behind a tab its class."""
IMAGE_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes", "content")
"""The columns of a Parquet file that may hold images: bytes, or a struct with ``bytes``."""
CLASS_COLUMNS = ("label", "class", "cls", "target")
NAME_COLUMNS = ("name", "path", "file_name", "filename", "__key__", "key", "id")
DIGEST = 16
"""Bytes of the digest of an image."""

FileLocation = str
TarLocation = tuple[str, int, int]
"""A tar file, where the bytes begin, and their number."""
RowLocation = tuple[str, str, int, int]
"""A Parquet file, its column, the group of rows, the row in it."""


class Item(NamedTuple):
    """An image of a data set.

    Attributes:
        name: Its name; no two are alike.
        label: Its class, ``None`` for none.
        location: Where its bytes are: a path, a part of a file of many, or an array.
        stamp: Changes when the image does: of a file its size and when it was last changed.
    """

    name: str
    label: str | None
    location: Any
    stamp: str


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Images in the order of their names.

    Attributes:
        items: The images.
        classes: The names of all classes, in order.
        skipped: A few of the files in folders that are no images by their names.
        skipped_count: How many there are.
    """

    items: tuple[Item, ...]
    classes: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    skipped_count: int = 0

    def __len__(self) -> int:
        return len(self.items)


def open_dataset(sources: Any) -> Dataset:
    """The images that folders, files, globs and arrays stand for.

    Args:
        sources: A folder, whose folders are classes; a file with a path on each line and its class
            behind a tab (``.txt``); a tar file as of webdataset; a Parquet file; an image, a glob;
            an array of images; a data set opened before; or several of these.

    Raises:
        ImageError: There is no such thing, or nothing in it.
    """
    if isinstance(sources, Dataset):
        return sources
    several = [sources] if isinstance(sources, str | os.PathLike | np.ndarray) else list(sources)
    skipped = _Skipped()
    items = [item for index in range(len(several)) for item in _items(several, index, skipped)]
    if not items:
        raise ImageError("expected at least one image, found none")
    items = sorted(_with_digests(items), key=lambda item: item.name)
    names = Counter(item.name for item in items)
    if len(names) < len(items):
        twice, times = names.most_common(1)[0]
        raise ImageError(f"expected every image once, found {times} that are called '{twice}'")
    classes = tuple(sorted({item.label for item in items if item.label is not None}))
    return Dataset(tuple(items), classes, tuple(sorted(skipped.names)), skipped.count)


def _with_digests(items: Sequence[Item]) -> list[Item]:
    """The images, arrays among them stamped with their digests, which all cores compute."""

    def stamped(item: Item) -> Item:
        content = np.ascontiguousarray(item.location).data
        return item._replace(stamp=digest(content).hex())

    arrays = [item for item in items if not item.stamp]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [*pool.map(stamped, arrays), *(item for item in items if item.stamp)]


class _Skipped:
    """Counts files that are no images by their names, and keeps some of these."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.count = 0

    def scan(self, folder: Path) -> None:
        for root, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in files:
                if not name.startswith(".") and Path(name).suffix.lower() not in SUFFIXES:
                    self.count += 1
                    if len(self.names) < 4:
                        self.names.append(str(Path(root, name).relative_to(folder)))


def _items(sources: Sequence[Any], index: int, skipped: _Skipped) -> Iterator[Item]:
    """The images of one source; if there are several, names begin with that of the source."""
    source = sources[index]
    if not isinstance(source, str | os.PathLike):
        array = as_array(source)
        images = array if array.ndim > 3 or len(sources) == 1 else array[np.newaxis]
        for number, image in enumerate(images):
            name = f"{index:03}-{number:08}" if len(sources) > 1 else f"{number:08}"
            yield Item(name, None, image, "")
        return
    path = Path(source)
    prefix = f"{path.name}/" if len(sources) > 1 else ""
    if path.is_dir():
        skipped.scan(path)
        for file in find_images([path]):
            relative = file.relative_to(path)
            label = relative.parts[0] if len(relative.parts) > 1 else None
            yield Item(prefix + relative.as_posix(), label, str(file), _stamp(file))
    elif path.is_file() and path.suffix.lower() in LISTS:
        yield from _listed(path, prefix)
    elif path.is_file() and tarfile.is_tarfile(path):
        yield from _in_tar(path, prefix)
    elif path.is_file() and _is_parquet(path):
        yield from _in_parquet(path, prefix)
    else:
        for file in find_images([source]):
            yield Item(file.name if path.is_file() else str(file), None, str(file), _stamp(file))


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "not there"
    return f"{status.st_size} {status.st_mtime_ns}"


def _listed(path: Path, prefix: str) -> Iterator[Item]:
    """The images that the lines of a file name, relative to its folder."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot read the list {str(path)!r}: {reading.reason(error)}") from error
    for line in lines:
        name, _, label = (part.strip() for part in line.partition("\t"))
        if name:
            file = path.parent / name
            yield Item(prefix + name, label or None, str(file), _stamp(file))


def _in_tar(path: Path, prefix: str) -> Iterator[Item]:
    """The images of a tar file; members that differ in their suffix alone belong together.

    A class is what a member ``KEY.cls`` holds, else the first folder of the name.
    """
    stamp = _stamp(path)
    try:
        # Without decompression, since only then can a member be read by itself.
        with tarfile.open(path, "r:") as archive:
            members = [member for member in archive if member.isfile()]
            labels = {
                member.name.removesuffix(".cls"): _text(archive.extractfile(member))
                for member in members
                if member.name.endswith(".cls") and member.size < 1000
            }
    except (tarfile.TarError, OSError) as error:
        raise ImageError(
            f"expected an uncompressed tar file, cannot read {str(path)!r}: {reading.reason(error)}"
        ) from error
    for member in members:
        name = PurePosixPath(member.name)
        if name.suffix.lower() in SUFFIXES:
            key = str(name.with_name(name.name.split(".")[0]))
            label = labels.get(key) or (name.parts[0] if len(name.parts) > 1 else None)
            location = (str(path), member.offset_data, member.size)
            yield Item(prefix + member.name, label, location, f"{stamp} {member.offset_data}")


def _text(file: Any) -> str:
    return str(file.read().decode("utf-8", "replace")).strip()


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def parquet() -> Any:
    """``pyarrow.parquet``.

    Raises:
        ImageError: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImageError(
            "Parquet files need the package pyarrow: pip install 'layersight[survey]'"
        ) from error
    return pyarrow.parquet


def _in_parquet(path: Path, prefix: str) -> Iterator[Item]:
    """The images in a column of a Parquet file, a row each."""
    stamp = _stamp(path)
    file = parquet().ParquetFile(path)
    names = list(file.schema_arrow.names)
    column = next((name for name in IMAGE_COLUMNS if name in names), None)
    if column is None:
        raise ImageError(
            f"expected a column of images in {str(path)!r}, called one of "
            f"{', '.join(IMAGE_COLUMNS)}; found {', '.join(names)}"
        )
    name_column = next((name for name in NAME_COLUMNS if name in names), None)
    class_column = next((name for name in CLASS_COLUMNS if name in names), None)
    columns = [name for name in (name_column, class_column) if name is not None]
    number = 0
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=columns)
        values = {name: rows[name].to_pylist() for name in columns}
        for row in range(file.metadata.row_group(group).num_rows):
            name = values[name_column][row] if name_column else f"{number:08}"
            label = values[class_column][row] if class_column else None
            location = (str(path), column, group, row)
            text = None if label is None else str(label)
            yield Item(f"{prefix}{name}", text, location, f"{stamp} {number}")
            number += 1


class Reader:
    """Reads the bytes of images; of Parquet files it keeps the last group of rows."""

    def __init__(self) -> None:
        self._group: tuple[RowLocation, Any] | None = None

    def read(self, item: Item) -> tuple[Any, bytes]:
        """What :func:`layersight.images.load` takes, and a digest of the image.

        Raises:
            ImageError: It cannot be read.
        """
        if isinstance(item.location, np.ndarray):
            return item.location, bytes.fromhex(item.stamp)
        try:
            content = self._bytes(item.location)
        except OSError as error:
            raise ImageError(f"cannot read '{item.name}': {reading.reason(error)}.") from error
        content_digest = digest(content)
        if isinstance(item.location, str) and contents.library_kind(content[: contents.ENOUGH]):
            return item.location, content_digest
        if isinstance(item.location, str) and content.startswith(contents.NUMPY_MAGIC):
            return item.location, content_digest
        return reading.open_content(content, repr(item.name)), content_digest

    def _bytes(self, location: FileLocation | TarLocation | RowLocation) -> bytes:
        if isinstance(location, str):
            reading.check_file(location)
            return Path(location).read_bytes()
        if len(location) == 3:
            path, start, size = location
            if size > reading.MAX_FILE_BYTES:
                raise ImageError(f"an image of {size} bytes in '{path}' is too large")
            with Path(path).open("rb") as file:
                file.seek(start)
                return file.read(size)
        path, column, group, row = location
        key = (path, column, group, 0)
        cached = self._group
        if cached is None or cached[0] != key:
            rows = parquet().ParquetFile(path).read_row_group(group, columns=[column])[column]
            cached = self._group = (key, rows)
        value = cached[1][row].as_py()
        value = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(value, bytes):
            raise ImageError(f"row {row} of '{column}' in '{path}' holds no bytes of an image")
        return value


def digest(content: Any) -> bytes:
    """A digest of bytes."""
    return hashlib.blake2b(content, digest_size=DIGEST).digest()


def is_array(item: Item) -> bool:
    """Whether an image is given as an array, and not as a file of pixels."""
    return isinstance(item.location, np.ndarray) or (
        isinstance(item.location, str) and is_array_file(item.location)
    )


def numbers_of(labels: Iterable[str | None], classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """The number of each class, -1 for none."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([-1 if label is None else numbers[label] for label in labels], np.int64)
