"""Files of weights alone, of any version of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from convlens.errors import ModelFileError
from convlens.hdf5.attributes import origin
from convlens.hdf5.damage import damaged
from convlens.hdf5.groups import check_text, child
from convlens.hdf5.legacy import layer_frames
from convlens.hdf5.store import is_legacy, is_store, store_frames
from convlens.loading.bounded import bytes_allowed
from convlens.loading.frames import Frame


def read_weights(path: Path) -> Iterator[Frame]:
    """Reads the weights of a file, whichever way it keeps them.

    Raises:
        ModelFileError: It is damaged, or holds no weights.
        UnsafeModelError: It reaches out of itself.
    """
    with damaged(path, "HDF5"), h5py.File(path, "r") as file:
        if is_store(file, path):
            yield from store_frames(file, path, bytes_allowed(path))
            return
        check_text(file, path)
        group = file if is_legacy(file) else child(file, "model_weights", path)
        if not isinstance(group, h5py.Group):
            raise ModelFileError(
                f"{path} holds no weights layer by layer: expected a file of "
                "model.save_weights of Keras 1 or 2"
            )
        yield from layer_frames(group, path, origin(group))
