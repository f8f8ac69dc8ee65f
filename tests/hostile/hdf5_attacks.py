"""Attacks on HDF5: sizes and types that grow or confuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hostile.files import (
    BIAS,
    KERNEL,
    WEIGHTS,
    conv,
    layer,
    sequential,
    weights_bytes,
    write_h5,
    write_keras,
    zlib_zeros,
)
from hostile.registry import Attack, Traps, attack, register_attack

GIB = 1 << 30


class Weights:
    """The group of the convolution's weights in either format, and the names in it."""

    def __init__(self, group: Any, kernel: str, bias: str) -> None:
        self.group, self.kernel, self.bias = group, kernel, bias

    def replace(self, name: str, value: Any) -> None:
        """Replaces weights by a link or an array."""
        del self.group[name]
        self.group[name] = value

    def create(self, name: str, **settings: Any) -> Any:
        """Replaces weights by a new dataset."""
        del self.group[name]
        return self.group.create_dataset(name, **settings)


Change = Callable[[Weights, Traps], None]


def edited(
    file: str, *, heavy: bool = False, refused: bool = False
) -> Callable[[Callable[[h5py.File, Traps], None]], Callable[[h5py.File, Traps], None]]:
    """Registers a change of a good file, or of the store of weights of a ``.keras``."""

    def register(change: Callable[[h5py.File, Traps], None]) -> Callable[[h5py.File, Traps], None]:
        def writer(path: Path, traps: Traps) -> None:
            if path.suffix == ".h5":
                write_h5(path, sequential(conv()), edit=lambda file: change(file, traps))
            else:
                config = sequential(conv(), version=3)
                write_keras(path, config, edit=lambda file: change(file, traps))

        says = " ".join((change.__doc__ or "").split())
        entry = Attack(change.__name__, file, says, writer, heavy=heavy, refused=refused)
        register_attack(entry)
        return change

    return register


def register_both(
    name: str, says: str, change: Change, *, heavy: bool = False, refused: bool = False
) -> None:
    """Registers a change of the weights as an attack in HDF5 and in ``.keras``."""
    groups = {
        "h5": ("model_weights/conv", "kernel:0", "bias:0"),
        "keras": ("layers/conv2d/vars", "0", "1"),
    }
    for suffix, (group, kernel, bias) in groups.items():

        def change_file(
            file: h5py.File,
            traps: Traps,
            group: str = group,
            kernel: str = kernel,
            bias: str = bias,
        ) -> None:
            change(Weights(file[group], kernel, bias), traps)

        change_file.__name__, change_file.__doc__ = f"{name}_{suffix}", says
        edited(f"model.{suffix}", heavy=heavy, refused=refused)(change_file)


def in_both_formats(*, heavy: bool = False, refused: bool = False) -> Callable[[Change], Change]:
    """The same for a function with its own name and docstring."""

    def register(function: Change) -> Change:
        says = " ".join((function.__doc__ or "").split())
        register_both(function.__name__, says, function, heavy=heavy, refused=refused)
        return function

    return register


# Size


@in_both_formats(heavy=True, refused=True)
def declared_size(both: Weights, traps: Traps) -> None:
    """A kernel of 10^12 numbers, none of which is stored: a fill value stands for all."""
    both.create(both.kernel, shape=(10**4,) * 3, dtype="float32", chunks=(64,) * 3, fillvalue=1.0)


@in_both_formats(heavy=True, refused=True)
def declared_six_gibibytes(both: Weights, traps: Traps) -> None:
    """A kernel of 6 GiB, little enough to be given, none of which is stored."""
    both.create(
        both.kernel, shape=(6 * GIB // 4,), dtype="float32", chunks=(1 << 16,), fillvalue=1.0
    )


@in_both_formats(heavy=True, refused=True)
def compressed_bomb(both: Weights, traps: Traps) -> None:
    """A kernel of 4 GiB of zeros, deflated to some kilobytes for each chunk."""
    made = both.create(
        both.kernel, shape=(4 * GIB // 4,), dtype="float32", chunks=(GIB // 8,), compression="gzip"
    )
    chunk = zlib_zeros(GIB // 2)
    for number in range(8):
        made.id.write_direct_chunk((number * (GIB // 8),), chunk)


@in_both_formats(heavy=True, refused=True)
def millions_of_chunks(both: Weights, traps: Traps) -> None:
    """A kernel of 60 MB in chunks of 16 bytes, none of them written."""
    both.create(both.kernel, shape=(3_750_000, 4), dtype="float32", chunks=(1, 4))


@attack("model.h5", heavy=True, refused=True)
def names_of_one_long_text(path: Path, traps: Traps) -> None:
    """3,000 names of layers, all of them the same text of 20 MiB, which is stored once."""
    size, count = 20 << 20, 3_000

    def edit(file: h5py.File) -> None:
        group = file["model_weights"]
        del group.attrs["layer_names"]
        names = ["x" * size, *["x"] * (count - 1)]
        group.attrs.create("layer_names", names, dtype=h5py.string_dtype())

    write_h5(path, sequential(conv()), edit=edit)
    data = bytearray(path.read_bytes())
    # A reference is a length, the address of a heap, and a place in it: 16 bytes.
    first = data.index(size.to_bytes(4, "little"))
    while data[first + 16 : first + 20] != (1).to_bytes(4, "little"):
        first = data.index(size.to_bytes(4, "little"), first + 1)
    data[first : first + 16 * count] = data[first : first + 16] * count
    path.write_bytes(data)


@attack("model.keras", heavy=True)
def weights_that_declared_size_allows(path: Path, traps: Traps) -> None:
    """10^9 units, for which a dataset that is not stored stands as the weights there are."""
    wide = layer("Dense", "dense", units=10**9)
    flat = layer("Flatten", "flat")

    def edit(file: h5py.File) -> None:
        vars_ = file.create_group("layers/dense/vars")
        vars_.create_dataset("0", shape=(128, 10**9), dtype="float32", chunks=(1, 1 << 20))
        vars_.create_dataset("1", shape=(10**9,), dtype="float32", chunks=(1 << 20,))

    write_keras(path, sequential(conv(), flat, wide, version=3), edit=edit)


@edited("model.h5", heavy=True)
def repeated_names(file: h5py.File, traps: Traps) -> None:
    """A layer that is named 1000 times, its 8 MiB of weights read for each of them."""
    big = np.random.default_rng(0).random((2, 1 << 20), "float32")
    group = file["model_weights"]
    del group["conv/kernel:0"]
    group["conv"].create_dataset("kernel:0", data=big)
    group.attrs["layer_names"] = [b"conv"] * 1000


@edited("model.h5", heavy=True)
def repeated_weights(file: h5py.File, traps: Traps) -> None:
    """The same, the weights named 1000 times in one layer under different spellings."""
    big = np.random.default_rng(0).random((2, 1 << 20), "float32")
    group = file["model_weights/conv"]
    del group["kernel:0"]
    group.create_dataset("kernel:0", data=big)
    group.attrs["weight_names"] = [b"/" * number + b"kernel:0" for number in range(1000)]


@edited("model.keras", heavy=True, refused=True)
def hard_link_loop(file: h5py.File, traps: Traps) -> None:
    """A group that holds itself by a hard link."""
    file["layers/again"] = file["layers"]


@edited("model.keras", heavy=True)
def hard_link_doubling(file: h5py.File, traps: Traps) -> None:
    """40 groups, each held twice by the one before: 10^12 ways to walk through them."""
    group = file
    for _ in range(40):
        inner = group.create_group("a")
        group["b"] = inner
        group = inner
    group["end"] = BIAS


@edited("model.h5")
def hard_link_loop_legacy(file: h5py.File, traps: Traps) -> None:
    """A layer's group that holds the group of all layers."""
    file["model_weights/conv/model_weights"] = file["model_weights"]
    names = [b"model_weights/conv/" * 50 + b"kernel:0", b"bias:0"]
    file["model_weights/conv"].attrs["weight_names"] = names


@edited("model.keras")
def deep_groups(file: h5py.File, traps: Traps) -> None:
    """Groups nested 3000 deep."""
    group = file.create_group("deep")
    for _ in range(3000):
        group = group.create_group("g")


@edited("model.keras", heavy=True)
def many_groups(file: h5py.File, traps: Traps) -> None:
    """60,000 groups in the store of weights."""
    group = file.create_group("many")
    for number in range(60_000):
        group.create_group(str(number))


@edited("model.h5", heavy=True, refused=True)
def giant_attribute(file: h5py.File, traps: Traps) -> None:
    """A configuration of 512 MiB in an attribute, and a version as long."""
    text = b'{"class_name": "' + b"x" * (GIB // 2) + b'"}'
    del file.attrs["model_config"]
    file.attrs.create("model_config", text, dtype=h5py.string_dtype())


@edited("model.h5", heavy=True)
def many_attributes(file: h5py.File, traps: Traps) -> None:
    """Lists of names, split over 2000 attributes of 60 KB each."""
    group = file["model_weights"]
    del group.attrs["layer_names"]
    part = np.array([b"conv"] * 10_000)
    for number in range(2000):
        group.attrs.create(f"layer_names{number}", part)


# Types


def _references(both: Weights, traps: Traps) -> None:
    made = both.create(both.kernel, shape=KERNEL.shape, dtype=h5py.ref_dtype)
    made[0, 0, 0, 0] = both.group.ref


def _regions(both: Weights, traps: Traps) -> None:
    bias = both.group[both.bias]
    made = both.create(both.kernel, shape=KERNEL.shape, dtype=h5py.regionref_dtype)
    made[0, 0, 0, 0] = bias.regionref[:]


def _vlen(both: Weights, traps: Traps) -> None:
    made = both.create(both.bias, shape=BIAS.shape, dtype=h5py.vlen_dtype("float32"))
    made[0] = np.zeros(1000, "float32")


def _vlen_text(both: Weights, traps: Traps) -> None:
    both.create(both.kernel, shape=KERNEL.shape, dtype=h5py.string_dtype())


def _plain(dtype: Any) -> Change:
    def change(both: Weights, traps: Traps) -> None:
        both.create(both.kernel, shape=KERNEL.shape, dtype=dtype)

    return change


for _name, _says, _make in (
    ("references", "Weights that are references to objects.", _references),
    ("regions", "Weights that are references to regions.", _regions),
    ("variable_length", "Weights of variable length.", _vlen),
    ("variable_text", "Weights that are strings of variable length.", _vlen_text),
    ("text", "Weights that are strings.", _plain("S12")),
    ("compound", "Weights of a compound type.", _plain([("a", "f4"), ("b", "S4")])),
    ("opaque", "Weights of an opaque type.", _plain("V8")),
    ("subarrays", "Weights each of which is an array.", _plain("(2,2)f4")),
    ("enumeration", "Weights of an enumeration.", _plain(h5py.enum_dtype({"A": 1}, "i4"))),
    ("complex", "Weights that are complex numbers.", _plain("c8")),
):
    register_both(f"weights_of_{_name}", _says, _make, refused=True)


@in_both_formats()
def weights_not_finite(both: Weights, traps: Traps) -> None:
    """Weights that are not finite, of a wide type, which overflow in the narrow one."""
    values = np.full(KERNEL.shape, 1e300, "float64")
    values[0], values[1] = np.nan, np.inf
    both.replace(both.kernel, values)


@in_both_formats(refused=True)
def weights_missing(both: Weights, traps: Traps) -> None:
    """The bias is named, but there is none."""
    del both.group[both.bias]


@in_both_formats(refused=True)
def weights_wrong_shape(both: Weights, traps: Traps) -> None:
    """A kernel of another shape with the same count of numbers, and none for the bias."""
    both.replace(both.kernel, KERNEL.transpose(2, 3, 0, 1).copy())


@in_both_formats(refused=True)
def weights_empty(both: Weights, traps: Traps) -> None:
    """The kernel has no space at all, the bias is a scalar."""
    both.replace(both.kernel, h5py.Empty("float32"))
    both.replace(both.bias, np.float32(1))


@in_both_formats(refused=True)
def weights_are_groups(both: Weights, traps: Traps) -> None:
    """The kernel is a group, the bias a named type."""
    del both.group[both.kernel], both.group[both.bias]
    both.group.create_group(both.kernel)
    both.group[both.bias] = np.dtype("float32")


@edited("model.h5", refused=True)
def group_is_dataset(file: h5py.File, traps: Traps) -> None:
    """A dataset instead of the group of weights."""
    del file["model_weights"]
    file["model_weights"] = np.zeros(3)
    file["model_weights"].attrs["layer_names"] = [b"conv"]


@edited("model.h5")
def names_of_another_type(file: h5py.File, traps: Traps) -> None:
    """Lists of names that are numbers, empty, references or damaged text."""
    group = file["model_weights"]
    group.attrs["layer_names"] = h5py.Empty("S4")
    group["conv"].attrs["weight_names"] = np.zeros((2, 2, 2))
    group.attrs["keras_version"] = np.array([b"\xff\xfe", b"x"])
    file.attrs["backend"] = file.ref
    file.attrs["keras_version"] = 10**9


@edited("model.h5", refused=True)
def config_of_another_type(file: h5py.File, traps: Traps) -> None:
    """A configuration that is an array of references."""
    del file.attrs["model_config"]
    file.attrs.create("model_config", [file.ref] * 3, dtype=h5py.ref_dtype)


@attack("model.h5", refused=True)
def config_not_text(path: Path, traps: Traps) -> None:
    """A configuration that is no UTF-8, and ends in the middle."""
    write_h5(path, json.dumps(sequential(conv())).encode()[:-9] + b"\xff\xfe\x80")


@edited("model.h5")
def duplicate_names(file: h5py.File, traps: Traps) -> None:
    """The same layer and the same weights named several times."""
    group = file["model_weights"]
    group.attrs["layer_names"] = [b"conv", b"conv", b"conv"]
    group["conv"].attrs["weight_names"] = [b"kernel:0", b"kernel:0", b"bias:0", b"bias:0"]


@attack("model.h5", refused=True)
def truncated(path: Path, traps: Traps) -> None:
    """A file that ends in the middle."""
    write_h5(path, sequential(conv()))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@attack("model.h5", heavy=True)
def sparse_tail(path: Path, traps: Traps) -> None:
    """A good file that is 300 GiB long, nothing of it stored."""
    write_h5(path, sequential(conv()))
    with path.open("r+b") as file:
        file.truncate(300 * GIB)


@attack("model.h5", refused=True)
def family_driver(path: Path, traps: Traps) -> None:
    """A superblock that names a driver for several files (multi, family)."""
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["model_config"] = json.dumps(sequential(conv()))
    data = bytearray(path.read_bytes())
    driver = b"NCSAmult" + str(traps.secret_hdf5).encode()
    data[52:60] = (len(data)).to_bytes(8, "little")  # where the driver's information lies
    data += b"\0\0\0\0" + len(driver).to_bytes(4, "little") + driver
    data[40:48] = len(data).to_bytes(8, "little")
    path.write_bytes(data)


@attack("model.h5")
def user_block(path: Path, traps: Traps) -> None:
    """A good file after 512 bytes that are a shell script."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs["model_config"] = json.dumps(sequential(conv()))
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"conv"]
        inner = group.create_group("conv")
        inner.attrs["weight_names"] = [name.encode() for name in WEIGHTS["conv"]]
        for name, array in WEIGHTS["conv"].items():
            inner[name] = array
    with path.open("r+b") as file:
        file.write(f"#!/bin/sh\n{traps.command}\n".encode())


@attack("model.keras")
def checksums_of_store(path: Path, traps: Traps) -> None:
    """A store of weights with every thousandth byte changed."""
    data = bytearray(weights_bytes())
    for index in range(1000, len(data), 1000):
        data[index] ^= 0xFF
    write_keras(path, sequential(conv(), version=3), weights=bytes(data))


# What HDF5 does not come back from


@attack("model.h5", heavy=True, refused=True)
def heap_without_end(path: Path, traps: Traps) -> None:
    """A heap of texts with a free piece of no length, which HDF5 passes over for ever."""
    write_h5(path, sequential(conv()))
    data = bytearray(path.read_bytes())
    first = data.index(b"GCOL") + 16
    size = int.from_bytes(data[first + 8 : first + 16], "little")
    second = first + 16 + -(-size // 8) * 8
    data[second : second + 16] = bytes(16)
    path.write_bytes(data)
