"""Attacks by pickles, under every name that some loader looks for."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hostile.files import conv, sequential, write_h5, write_keras
from hostile.registry import Attack, Traps, attack, pickled, register_attack


def _pickle(file: str) -> None:
    def writer(path: Path, traps: Traps) -> None:
        path.write_bytes(pickled(traps))

    name = f"pickle_as_{file.replace('.', '_')}"
    says = f"A pickle that runs code when loaded, under the name {file}."
    register_attack(Attack(name, file, says, writer, refused=True))


for _file in ("model.h5", "model.keras", "model.pkl", "model.pt", "model.bin", "saved_model.pb"):
    _pickle(_file)


@attack("model.pt", refused=True)
def pytorch_zip(path: Path, traps: Traps) -> None:
    """A file of PyTorch: a zip archive with a pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(traps))
        archive.writestr("archive/version", "3")


@attack("model.keras")
def pickle_in_archive(path: Path, traps: Traps) -> None:
    """A good archive with pickles under every name that some loader looks for."""
    names = ("archive/data.pkl", "data.pkl", "weights.pkl", "model.weights.npz", "assets/a.pkl")
    members = {name: pickled(traps) for name in names}
    write_keras(path, sequential(conv(), version=3), members=members)


@attack("model.keras", refused=True)
def pickle_as_weights(path: Path, traps: Traps) -> None:
    """A pickle instead of the weights, and one that has the signature of HDF5."""
    write_keras(path, sequential(conv(), version=3), weights=pickled(traps))


@attack("model.h5")
def pickle_in_attributes(path: Path, traps: Traps) -> None:
    """Pickles in the attributes in which some loaders look for objects."""

    def edit(file: Any) -> None:
        for name in ("optimizer_weights", "custom_objects", "keras_metadata"):
            file.attrs[name] = np.void(pickled(traps))
        file.create_dataset("optimizer_weights", data=np.void(pickled(traps)))

    write_h5(path, sequential(conv()), edit=edit)


@attack("model.npz", refused=True)
def pickle_in_numpy_archive(path: Path, traps: Traps) -> None:
    """An archive of NumPy with pickled objects, named config.json too."""
    content = BytesIO()
    content.write(b"\x93NUMPY\x01\x00")
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + b"\n"
    content.write(len(header).to_bytes(2, "little") + header + pickled(traps))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", content.getvalue())
        archive.writestr("config.json", content.getvalue())
