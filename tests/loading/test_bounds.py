"""Bounds of reads, configurations, settings, passes and names."""

from __future__ import annotations

import functools
import json
import os
import re
import stat
import zipfile

import h5py
import numpy as np
import pytest

import legacy
from hostile import folders
from layersight.errors import (
    ImageError,
    LayersightError,
    ModelFileError,
    ModelInputError,
    UnsafeModelError,
    UsageError,
)
from layersight.frameworks.graph import view
from layersight.hdf5.files import read_archive
from layersight.images.arrays import read_array
from layersight.loading import bounded, load_model, read_labels, read_network
from layersight.loading.bounded import member_pieces, parse_json, read_file
from layersight.loading.labels import labels_beside
from layersight.loading.reader import read_contents
from layersight.loading.recognise import recognise
from layersight.loading.rewrites import upgrade
from layersight.loading.rewrites.walking import (
    MAX_CALLS,
    MAX_LAYERS,
    MAX_TENSORS,
    count_calls,
    tensor,
)
from legacy import entry, layer

sequence = functools.partial(legacy.sequential, name="s")
write = functools.partial(legacy.write, version="2.4.0", backend=None)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder" / "model.json")
    with pytest.raises(ModelFileError, match="a pipe or a device"):
        recognise(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="class names"):
        read_labels(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="is a folder"):
        recognise(tmp_path / "folder")


def test_endless_labels():
    with pytest.raises(ModelFileError, match="class names"):
        read_labels("/dev/zero")


def test_a_file_longer_than_its_bound(tmp_path):
    (tmp_path / "long").write_bytes(bytes(100))
    assert len(read_file(tmp_path / "long", 100)) == 100
    with pytest.raises(UnsafeModelError, match="larger than 99 bytes"):
        read_file(tmp_path / "long", 99)


def test_json_of_too_many_values():
    assert parse_json(b'{"a": [1, {}]}') == {"a": [1, {}]}
    with pytest.raises(ValueError, match="more than 3000000 values"):
        parse_json(b"[" + b"{}," * 1_500_000 + b"{}]")


def test_labels_beside_a_model_may_not_be_a_link(tmp_path):
    (tmp_path / "m.h5").write_bytes(b"model")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "labels.txt").write_text("cat\n")
    assert labels_beside(tmp_path / "m.h5") == ("cat",)
    (tmp_path / "labels.txt").unlink()
    (tmp_path / "labels.txt").symlink_to("secret")
    assert labels_beside(tmp_path / "m.h5") is None


@pytest.mark.parametrize("read", [recognise, lambda path: list(read_archive(path))])
def test_a_directory_of_too_many_members(tmp_path, read, monkeypatch):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2_000):
            archive.writestr(f"{number}", b"")
    if read is recognise:
        with pytest.raises(ModelFileError, match="without a model"):
            recognise(path)
    created = []
    monkeypatch.setattr(bounded, "MAX_DIRECTORY", 90_000)
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_, **__: created.append(1))
    with pytest.raises(
        UnsafeModelError, match=r"directory of members of \d+ bytes, more than 90000"
    ):
        read(path)
    assert not created


def test_a_member_that_declares_less_than_it_is(tmp_path):
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("config.json", bytes(100_000))
    with zipfile.ZipFile(path) as archive:
        archive.getinfo("config.json").file_size = 10
        with pytest.raises((UnsafeModelError, zipfile.BadZipFile)):
            list(member_pieces(archive, "config.json", 1000, path))


def test_too_many_layers_and_calls():
    with pytest.raises(UnsafeModelError, match="layers"):
        upgrade(sequence(*(layer("ReLU", str(n)) for n in range(MAX_LAYERS))))
    called = {**layer("ReLU", "r"), "inbound_nodes": [None] * (MAX_CALLS + 1)}
    with pytest.raises(UnsafeModelError, match="calls"):
        upgrade(sequence(called))


def test_too_many_inputs_of_calls():
    tensors = [["conv", 0, 0, {}]] * (MAX_TENSORS + 1)
    old = {**layer("Add", "sum"), "inbound_nodes": [tensors]}
    new = {
        **layer("Add", "sum"),
        "inbound_nodes": [{"args": [[tensor("conv", 0, 0)] * len(tensors)]}],
    }
    for many in (old, new):
        with pytest.raises(UnsafeModelError, match="tensors"):
            upgrade(sequence(many))


def test_models_that_call_models_are_counted_before_they_are_built():
    inner = sequence(layer("ReLU", "relu"))
    assert count_calls(inner) == 2
    for number in range(20):
        nested = {**inner, "name": f"m{number}", "inbound_nodes": [[], []]}
        inner = sequence(nested)
        assert count_calls(inner) == 3 * 2 ** (number + 1) - 1
    with pytest.raises(UnsafeModelError, match="call each other"):
        upgrade(inner)


def test_a_layer_whose_settings_ask_for_a_large_kernel(tmp_path):
    bad = layer("STFTSpectrogram", "bad", frame_length=2**16, fft_length=2**17)
    with pytest.raises(UnsafeModelError, match=r"'bad'.*from its settings"):
        load_model(write(tmp_path / "m", sequence(entry(4), bad)))


def test_an_attribute_of_many_names(tmp_path):
    path = write(tmp_path / "m", sequence(entry(4)))
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["layer_names0"] = np.zeros(2000, "S20")
        del file["model_weights"].attrs["layer_names"]
        for number in range(1, 30):
            file["model_weights"].attrs[f"layer_names{number}"] = np.zeros(2000, "S20")
    with pytest.raises(UnsafeModelError, match="names"):
        read_network(path)


@pytest.mark.parametrize("kind", ["Formula", "TensorFlowCall", "Unset"])
def test_files_may_not_use_classes_of_layersight(tmp_path, kind):
    bad = layer(kind, "bad", expression=["input"], function="nn.relu")
    (result,) = load_model(write(tmp_path / "m", sequence(entry(4), bad))).info.layers
    assert result.blocked.startswith("layer 'bad' is of the class 'file>" + kind)


@pytest.mark.parametrize("value", [2**63, 2**31, 0, -1, True, [1, 2**40]])
def test_settings_out_of_range(tmp_path, value):
    bad = layer("MaxPooling2D", "bad", strides=value)
    with pytest.raises(ModelFileError, match="'strides'"):
        load_model(write(tmp_path / "m", sequence(entry(8, 8, 3), bad)))


def padded(tmp_path, *shape, **more):
    """A model whose second layer gives 40 MB for one image of 8 x 8."""
    layers = [layer("ZeroPadding2D", name, padding=size) for name, size in (("a", 1), ("b", 788))]
    path = write(tmp_path / "m", sequence(entry(*shape), *layers, layer("ReLU", "c")))
    return load_model(path, **more)


SIXTEEN = {"i": np.zeros((1, 16, 16, 4), "float32")}


@pytest.mark.parametrize(
    ("shape", "requested", "message"),
    [
        ((16, 16, 4), "abc", r"155 MiB.*largest of them 'b' of shape \(None, 1594, 1594, 4\)"),
        ((16, 16, 4), "abc", r"choose fewer layers with -l \(layers=\) or allow more with --max"),
        ((16, 16, 4), "c", r"116 MiB .* choose layers before 'c' with -l"),
        (
            (None, None, 4),
            "bc",
            r"'c' with -l .* or give a smaller --size .* or allow more with --max",
        ),
    ],
)
def test_a_pass_of_too_many_numbers(tmp_path, shape, requested, message):
    model = padded(tmp_path, *shape, max_memory="78M")
    with pytest.raises(
        ModelInputError, match="more than the 78 MiB that a file may ask for"
    ) as error:
        model.forward(SIXTEEN, list(requested))
    assert re.search(message, str(error.value)), error.value
    assert ("--size" in str(error.value)) is (None in shape)


def test_a_pass_within_a_higher_limit(tmp_path):
    for allowed in (None, "200M", 200 << 20):
        result = padded(tmp_path, 16, 16, 4, max_memory=allowed).forward(SIXTEEN, ["b"])
        assert result.layers["b"].shape == (1, 1594, 1594, 4)


@pytest.mark.parametrize("live", [True, False])
def test_a_pass_beyond_free_memory(tmp_path, monkeypatch, live):
    model = padded(tmp_path, None, None, 4, max_memory="1T")
    model = load_model(model.model) if live else model
    monkeypatch.setattr(view, "free_memory", lambda: 150 << 20)
    monkeypatch.setattr(view, "SMALL", 0)
    model.forward(SIXTEEN, ["a", "b", "c"])
    four = {"i": np.zeros((4, 16, 16, 4), "float32")}
    with pytest.raises(ModelInputError) as error:
        model.forward(four, ["a", "b", "c"])
    assert str(error.value) == (
        "the requested layers would give 310 MiB for 4 images at once, the largest of "
        "them 'b' of shape (None, 1594, 1594, 4), more than the 150 MiB of memory that are free: "
        "choose fewer layers with -l (layers=) or give a smaller --size (size=) or give fewer "
        "images"
    )


@pytest.mark.parametrize(
    "memory", ["8X", "", "-1", "1e3G", 0, -5, 1.5, True, "9" * 15 + "T", "nan"]
)
def test_invalid_amounts_of_memory(tmp_path, memory):
    with pytest.raises(UsageError, match=r"expected an amount of memory such as 8G.*found"):
        load_model(tmp_path / "m", max_memory=memory)


def test_an_error_in_a_layer_names_it(tmp_path):
    bad = layer("Reshape", "bad", target_shape=[3, 5])
    path = write(tmp_path / "m", sequence(entry(None), bad))
    with pytest.raises(LayersightError, match="bad"):
        load_model(path).forward({"i": np.zeros((1, 16), "float32")}, ["bad"])


def test_names_with_control_characters(tmp_path):
    evil = "a\x1b]0;x\x07\n\u202eb\0"
    path = write(tmp_path / "m", legacy.sequential(entry(4), layer("ReLU", evil), name=evil))
    info = load_model(path).info
    assert info.layers[0].name.isprintable()
    assert info.name.isprintable()


def test_a_sparse_array(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (400_000_000,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 1_600_000_000)
    with pytest.raises(ImageError, match="at most 100 million numbers"):
        read_array(tmp_path / "a.npy")


def test_holes_do_not_count_as_stored(tmp_path):
    path, size = tmp_path / "m.weights.h5", 100 << 20
    written = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    written.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    written.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/a/vars")
        space = h5py.h5s.create_simple((size,))
        h5py.h5d.create(group.id, b"0", h5py.h5t.NATIVE_UINT8, space, written)
    assert bounded.bytes_stored(path) < 1 << 16 < size < path.stat().st_size
    with pytest.raises(UnsafeModelError, match="far larger weights than a file of its size"):
        read_contents("weights", path)


def test_file_systems_that_do_not_report_blocks(tmp_path, monkeypatch):
    (tmp_path / "full").write_bytes(bytes(10_000))
    (tmp_path / "hole").touch()
    os.truncate(tmp_path / "hole", 10_000)
    assert bounded.bytes_stored(tmp_path / "full") == 10_000
    assert bounded.bytes_stored(tmp_path / "hole") == 0

    class Uncounted:
        st_size, st_mode, st_blocks = 10_000, stat.S_IFREG, 0

    monkeypatch.setattr(type(tmp_path), "stat", lambda _: Uncounted())
    assert bounded.bytes_stored(tmp_path / "full") == 10_000


@pytest.mark.parametrize("kind", ["tfjs", "checkpoint"])
def test_weights_in_sparse_files(tmp_path, kind):
    config = {"keras_version": "2.4.0", **sequence(entry(4, 4, 1))}
    count = 25 << 20
    if kind == "tfjs":
        listed = folders.manifest({"conv/kernel": np.broadcast_to(0.0, count)})
        text = json.dumps(folders.document(config, listed)).encode()
        folders.write_parts(tmp_path, {"model.json": text})
        hole, size = tmp_path / folders.SHARD, 4 * count
    else:
        folders.write_parts(tmp_path, folders.saved_model_parts(config))
        hole = tmp_path / folders.DATA
        size = hole.stat().st_size + 4 * count
    hole.touch()
    os.truncate(hole, size)
    with pytest.raises(UnsafeModelError, match=rf"read as {size} bytes, of which \d+ are on"):
        read_network(tmp_path)
