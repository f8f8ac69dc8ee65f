"""Files of weights alone, of any version of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from layersight.errors import ModelFileError
from layersight.hdf5.attributes import origin
from layersight.hdf5.damage import damaged
from layersight.hdf5.groups import check_text, child
from layersight.hdf5.legacy import layer_frames
from layersight.hdf5.store import is_legacy, is_store, store_frames
from layersight.loading.bounded import bytes_allowed
from layersight.loading.frames import Frame


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
