"""The results of shards, and the folder that keeps them.

The rule of this module: the file of a shard appears complete or not at all, is never changed, and
its name is a digest of everything that it depends on: a file that is there can be used, and
nothing that has changed is found.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import socket
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from layersight.atomic import PREFIX, write_bytes
from layersight.errors import OutputError
from layersight.nouns.survey.correlation import Products
from layersight.nouns.survey.plan import Pair, Shard
from layersight.nouns.survey.tally import NONE, Tallies, Tally, merge

HEADER = "header.json"
SUFFIX = ".shard"
FOLDER = "shards"
LOCK = "survey.lock"
PARTS = tuple(field.name for field in fields(Products))


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """The statistics of some images.

    Attributes:
        tallies: The tally of each layer.
        read: How many images were read.
        unreadable: The name of each that could not be read, and why.
        content: The sum of the digests of all images and their names, independent of their order.
        axes: The sizes of the axes of each layer's maps, without channels.
        pairs: The sums for each pair of layers in ``Spec.pairs``.
    """

    tallies: Tallies
    read: int
    unreadable: tuple[tuple[str, str], ...]
    content: int
    axes: Mapping[str, tuple[int, ...]]
    pairs: Mapping[Pair, Products] = field(default_factory=dict)

    def shifted(self, start: int) -> Result:
        """The same with ``start`` added to the numbers of images."""
        tallies = {name: _shifted(tally, start) for name, tally in self.tallies.items()}
        return replace(self, tallies=tallies)

    def add(self, other: Result) -> Result:
        """The statistics of both together."""
        return Result(
            merge(self.tallies, other.tallies),
            self.read + other.read,
            tuple(sorted({*self.unreadable, *other.unreadable})),
            (self.content + other.content) % (1 << 128),
            {**self.axes, **other.axes},
            {
                **self.pairs,
                **other.pairs,
                **{
                    pair: sums.add(other.pairs[pair])
                    for pair, sums in self.pairs.items()
                    if pair in other.pairs
                },
            },
        )


def _shifted(tally: Tally, start: int) -> Tally:
    arrays = tally.to_arrays()
    arrays["images"] = np.where(arrays["images"] == NONE, NONE, arrays["images"] + start)
    return Tally.from_arrays(arrays.__getitem__)


def to_bytes(result: Result, key: str) -> bytes:
    """A result as the bytes of a file."""
    header = {
        "key": key,
        "layers": list(result.tallies),
        "read": result.read,
        "unreadable": result.unreadable,
        "content": f"{result.content:032x}",
        "axes": result.axes,
        "pairs": list(result.pairs),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        arrays = {
            f"{number}/{name}": array
            for number, tally in enumerate(result.tallies.values())
            for name, array in tally.to_arrays().items()
        }
        for number, sums in enumerate(result.pairs.values()):
            arrays |= {f"pair/{number}/{name}": getattr(sums, name) for name in PARTS}
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.writestr(zipfile.ZipInfo(HEADER), json.dumps(header))
    return buffer.getvalue()


def from_bytes(content: bytes, key: str) -> Result:
    """The result that :func:`to_bytes` packed.

    Raises:
        ValueError: The bytes are something else, or damaged; likewise LookupError, OSError.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        header = json.loads(archive.read(HEADER))
        if header["key"] != key:
            raise ValueError("it is of another shard")

        def array_of(name: str, number: object) -> NDArray[Any]:
            with archive.open(f"{number}/{name}.npy") as member:
                array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
            return array

        tallies = {
            str(layer): Tally.from_arrays(functools.partial(array_of, number=number))
            for number, layer in enumerate(header["layers"])
        }
        pairs = {
            (str(first), int(model), str(second)): Products(
                *(array_of(name, f"pair/{number}") for name in PARTS)
            )
            for number, (first, model, second) in enumerate(header["pairs"])
        }
    unreadable = tuple((str(name), str(reason)) for name, reason in header["unreadable"])
    axes = {str(name): tuple(map(int, sizes)) for name, sizes in header["axes"].items()}
    return Result(tallies, int(header["read"]), unreadable, int(header["content"], 16), axes, pairs)


class ShardFolder:
    """Where the results of shards are kept; ``None`` keeps the sum of them all in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._merged: Result | None = None

    def _path(self, shard: Shard) -> Path:
        assert self._folder is not None
        return self._folder / f"{shard.key}{SUFFIX}"

    def has(self, shard: Shard) -> bool:
        """Whether the result of a shard is there and complete."""
        if self._folder is None:
            return False
        path = self._path(shard)
        if not path.is_file():
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.testzip() is None and HEADER in archive.namelist()
        except (OSError, zipfile.BadZipFile):
            return False

    def put(self, shard: Shard, content: bytes) -> None:
        """Keeps the result of a shard.

        Raises:
            OutputError: It cannot be written; nothing is left behind.
        """
        if self._folder is None:
            result = from_bytes(content, shard.key).shifted(shard.start)
            self._merged = result if self._merged is None else self._merged.add(result)
        else:
            write_bytes(self._path(shard), content)

    def get(self, shard: Shard) -> Result:
        """The result of a shard that is there.

        Raises:
            OutputError: It is damaged.
        """
        try:
            return from_bytes(self._path(shard).read_bytes(), shard.key)
        except (OSError, ValueError, LookupError, zipfile.BadZipFile) as error:
            raise OutputError(
                f"the result of a shard is damaged, {self._path(shard)}: remove it, and the same "
                "command makes it again"
            ) from error

    def merged(self, shards: Sequence[Shard]) -> Result:
        """The statistics of all shards."""
        merged = self._merged
        for shard in shards if self._folder is not None else ():
            result = self.get(shard).shifted(shard.start)
            merged = result if merged is None else merged.add(result)
        assert merged is not None
        return merged

    def tidy(self, shards: Sequence[Shard]) -> None:
        """Removes results that a survey of these shards does not need, and what is incomplete."""
        if self._folder is None or not self._folder.is_dir():
            return
        needed = {f"{shard.key}{SUFFIX}" for shard in shards}
        for path in self._folder.glob(f"*{SUFFIX}"):
            if path.name not in needed:
                path.unlink(missing_ok=True)
        # Left by a survey that was killed while it wrote; the lock keeps others out of this folder.
        for path in self._folder.glob(f"{PREFIX}*"):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path | None) -> Iterator[None]:
    """Keeps a folder to one survey at a time; the system releases it when a process ends.

    Raises:
        OutputError: Another survey is working in it, or it cannot be written.
    """
    if folder is None:
        yield
        return
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a+")
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror}. Choose another folder with --output"
        ) from error
    with file:
        if not _take(file):
            file.seek(0)
            raise OutputError(
                f"another survey is working in {folder} ({file.read(100).strip() or 'unknown'}): "
                "wait for it, or choose another folder with --output"
            )
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # nothing is left of a survey that never began
                if is_new and [entry.name for entry in folder.iterdir()] == [LOCK]:
                    (folder / LOCK).unlink()
                    folder.rmdir()
            raise


def _take(file: IO[str]) -> bool:
    """Takes the lock of a file if it is free."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
