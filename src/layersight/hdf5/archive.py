"""``.keras`` archives, read as data."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.hdf5.damage import damaged
from layersight.hdf5.member import unfold
from layersight.hdf5.store import store_frames
from layersight.loading.bounded import MAX_CONFIG, bytes_allowed, member_pieces, open_zip, unfolded
from layersight.loading.frames import Frame, text_frames

WEIGHTS = "model.weights.h5"

TEXTS = {"config.json": "config", "metadata.json": "metadata"}
"""The members that are read as they are, and what they are called on the way."""


def read_archive(path: Path) -> Iterator[Frame]:
    """Reads the texts of an archive, then the weights by their place in the store.

    Raises:
        ModelFileError: The archive is damaged or incomplete.
        UnsafeModelError: Something in it reaches out of it.
    """
    with damaged(path, ".keras"), open_zip(path) as archive:
        allowance = _check_members(archive, path)
        held = archive.namelist()
        for name, called in TEXTS.items():
            if name in held or called == "config":
                text = b"".join(member_pieces(archive, name, MAX_CONFIG, path))
                yield from text_frames(called, text)
        if WEIGHTS not in held:
            raise ModelFileError(f"{path} holds no weights: expected {WEIGHTS} in it")
        store = yield from unfold(archive, WEIGHTS, path, allowance)
        with h5py.File(store, "r") as file:
            yield from store_frames(file, path, allowance)


def _check_members(archive: zipfile.ZipFile, path: Path) -> int:
    """Refuses an archive with two members of one name, or that unfolds to far too much.

    Returns:
        How many bytes it may unfold to. What lies in the file beside its members does not count.
    """
    members = archive.infolist()
    count = Counter(member.filename for member in members)
    if (twice := max(count, key=count.__getitem__, default="")) and count[twice] > 1:
        raise UnsafeModelError(f"{path} holds two members called '{twice:.100}': not opened")
    packed = sum(member.compress_size for member in members)
    allowance = min(unfolded(packed), bytes_allowed(path))
    size = sum(member.file_size for member in members)
    if size > allowance:
        raise UnsafeModelError(
            f"{path} unfolds to {size} bytes, far more than weights of its size: not opened"
        )
    return allowance
