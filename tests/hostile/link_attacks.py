"""Attacks on HDF5 by links and storage that lead out of the file."""

from __future__ import annotations

import io
from pathlib import Path

import h5py

from hostile.files import KERNEL, conv, sequential, write_h5, write_keras
from hostile.hdf5_attacks import Weights, edited, in_both_formats
from hostile.registry import Traps, attack


@in_both_formats(refused=True)
def external_link(both: Weights, traps: Traps) -> None:
    """The kernel is an external link into another file."""
    both.replace(both.kernel, h5py.ExternalLink(str(traps.secret_hdf5), "/kernel"))


@in_both_formats(refused=True)
def external_storage(both: Weights, traps: Traps) -> None:
    """The kernel's bytes lie in another file, as external storage."""
    segments = [(str(traps.secret), 0, KERNEL.nbytes)]
    both.create(both.kernel, shape=KERNEL.shape, dtype="float32", external=segments)


@in_both_formats(refused=True)
def virtual_dataset(both: Weights, traps: Traps) -> None:
    """The kernel is a virtual dataset over another file."""
    layout = h5py.VirtualLayout(KERNEL.shape, "float32")
    layout[:] = h5py.VirtualSource(str(traps.secret_hdf5), "kernel", KERNEL.shape)
    del both.group[both.kernel]
    both.group.create_virtual_dataset(both.kernel, layout)


@in_both_formats(refused=True)
def soft_link(both: Weights, traps: Traps) -> None:
    """The kernel is a soft link to an external link elsewhere in the file."""
    both.group.file["way_out"] = h5py.ExternalLink(str(traps.secret_hdf5), "/kernel")
    both.replace(both.kernel, h5py.SoftLink("/way_out"))


@in_both_formats(refused=True)
def soft_link_loop(both: Weights, traps: Traps) -> None:
    """The kernel is a soft link to a soft link to itself."""
    both.group.file["way"] = h5py.SoftLink(f"{both.group.name}/{both.kernel}")
    both.replace(both.kernel, h5py.SoftLink("/way"))


@edited("model.h5", refused=True)
def external_group(file: h5py.File, traps: Traps) -> None:
    """The whole group of weights is an external link."""
    del file["model_weights"]
    file["model_weights"] = h5py.ExternalLink(str(traps.secret_hdf5), "/")


@edited("model.h5", refused=True)
def external_layer(file: h5py.File, traps: Traps) -> None:
    """The group of one layer is an external link."""
    del file["model_weights/conv"]
    file["model_weights/conv"] = h5py.ExternalLink(str(traps.secret_hdf5), "/conv")


@edited("model.keras")
def external_beside(file: h5py.File, traps: Traps) -> None:
    """External links beside the weights, under the names that Keras walks through."""
    for name in ("optimizer", "vars", "metrics", "layers/dense", "layers/conv2d/extra"):
        file[name] = h5py.ExternalLink(str(traps.secret_hdf5), "/conv")


@attack("model.keras", refused=True)
def external_store_of_keras_2_13(path: Path, traps: Traps) -> None:
    """An external link in the place where Keras 2.13 kept the layers."""
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        group = file.create_group("_layer_checkpoint_dependencies")
        group["conv2d"] = h5py.ExternalLink(str(traps.secret_hdf5), "/")
    write_keras(path, sequential(conv(), version=3), weights=target.getvalue(), version="2.13.1")


@attack("model.h5")
def names_with_dots(path: Path, traps: Traps) -> None:
    """Names of layers and weights that climb out as paths do."""
    names = (f"../../..{traps.canary}", str(traps.canary), "conv/../conv", "..", ".", "//", "")

    def edit(file: h5py.File) -> None:
        group = file["model_weights"]
        group.attrs["layer_names"] = [name.encode() for name in names]
        group["conv"].attrs["weight_names"] = [b"../conv/kernel:0", b"/model_weights/conv/bias:0"]

    layers = [conv(name) for name in names]
    write_h5(path, sequential(*layers), edit=edit)


@in_both_formats(refused=True)
def unknown_filter(both: Weights, traps: Traps) -> None:
    """The kernel was written through a filter that a plugin elsewhere would have to undo."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(KERNEL.shape)
    properties.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    del both.group[both.kernel]
    space = h5py.h5s.create_simple(KERNEL.shape)
    made = h5py.h5d.create(
        both.group.id, both.kernel.encode(), h5py.h5t.IEEE_F32LE, space, properties
    )
    made.write_direct_chunk((0, 0, 0, 0), KERNEL.tobytes())
