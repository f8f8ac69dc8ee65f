"""Reading HDF5, in this process."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from layersight.errors import ModelFileError, UnsafeModelError
from layersight.hdf5 import groups
from layersight.hdf5.files import Window, read_archive, read_model, read_weights
from layersight.hdf5.serving import JOBS, answer
from layersight.loading.contents import collect
from layersight.loading.frames import Incoming, RemoteError, write_frame


def received(frames, tmp_path):
    """The contents that are collected from frames."""
    path = tmp_path / "frames"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for frame in (*frames, {"end": True}):
        write_frame(descriptor, frame)
    os.close(descriptor)
    with path.open("rb") as stream:

        def fill(target):
            assert stream.readinto(target) == len(target)

        contents = collect(Incoming(fill), 1 << 30)
        assert stream.read() == b""
    return contents


def store(**arrays):
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
        file.require_group("layers")
    return target


def edited(target, edit):
    with h5py.File(target, "r+") as file:
        edit(file)
    return target


def archive(path, target, packing=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", packing) as writer:
        writer.writestr("metadata.json", json.dumps({"keras_version": "3.1"}))
        writer.writestr("model.weights.h5", target.getvalue())
        writer.writestr("config.json", "{}")
    return path


VALUES = np.random.default_rng(0).normal(size=(300, 2000)).astype("float32")


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_weights_of_an_archive_by_their_paths(tmp_path, packing):
    weights = store(
        layers__conv2d__vars__0=VALUES,
        layers__conv2d__vars__1=np.zeros(3),
        vars__0=np.ones(1, "int32"),
        optimizer__vars__0=VALUES,
    )
    contents = received(read_archive(archive(tmp_path / "m", weights, packing)), tmp_path)
    assert contents.texts == {"config": b"{}", "metadata": b'{"keras_version": "3.1"}'}
    assert set(contents.store) == {"layers/conv2d/vars/0", "layers/conv2d/vars/1", "vars/0"}
    np.testing.assert_array_equal(contents.store["layers/conv2d/vars/0"], VALUES)
    assert contents.size == VALUES.size + 4
    assert contents.layers is None


def test_weights_alone_as_a_store_and_by_layers(tmp_path):
    (tmp_path / "store").write_bytes(store(layers__a__vars__0=VALUES).getvalue())
    contents = received(read_weights(tmp_path / "store"), tmp_path)
    assert list(contents.store) == ["layers/a/vars/0"]
    for attribute in ("layer_names", "layer_names0"):
        with h5py.File(tmp_path / attribute, "w") as file:
            file.attrs[attribute] = ["d"]
            file.create_group("d").attrs["weight_names"] = ["k"]
            file["d/k"] = VALUES
            file.attrs["backend"] = "theano"
        contents = received(read_weights(tmp_path / attribute), tmp_path)
        assert (contents.store, contents.backend, contents.size) == (None, "theano", VALUES.size)


def test_bfloat16_as_keras_marks_it(tmp_path):
    def note(file):
        halves = (VALUES[0].view("u4") >> 16).astype("u2")
        file["layers/a/vars/0"] = halves.view("V2")
        file["layers/a/vars/0"].attrs["dtype"] = "bfloat16"

    contents = received(read_archive(archive(tmp_path / "m", edited(store(), note))), tmp_path)
    array = contents.store["layers/a/vars/0"]
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, VALUES[0], rtol=1 / 128)


@pytest.mark.parametrize("attribute", [None, 3, "float16", "bfloat16" * 100])
def test_opaque_bytes_without_that_mark_are_refused(tmp_path, attribute):
    def note(file):
        file["layers/a"] = np.zeros(4, "V2")
        if attribute is not None:
            file["layers/a"].attrs["dtype"] = attribute

    with pytest.raises(ModelFileError, match="not an array of numbers"):
        list(read_archive(archive(tmp_path / "m", edited(store(), note))))


def link(file):
    file["layers/more"] = h5py.ExternalLink("other.h5", "/")


def soft(file):
    file["layers/more"] = h5py.SoftLink("/layers/a")


def twice(file):
    file["layers/more"] = file["layers/a"]


def virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
    file.create_virtual_dataset("layers/more", layout)


def outside(file):
    file.create_dataset("layers/more", (4,), "float32", external=[("other", 0, 16)])


def huge(file):
    file.create_dataset("layers/more", (10**11,), "float32")


def many_chunks(file):
    file.create_dataset("layers/more", (10**6,), "float32", chunks=(1,))


def large_chunk(file):
    file.create_dataset("layers/more", (8,), "float32", maxshape=(None,), chunks=(1 << 28,))


def many_names(file):
    for number in range(9):
        file[f"layers/more{number}"] = np.zeros(1)


def words(file):
    file["layers/more"] = "text"


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (link, UnsafeModelError, "is a link"),
        (soft, UnsafeModelError, "is a link"),
        (twice, UnsafeModelError, "has two names"),
        (virtual, UnsafeModelError, "are in another file"),
        (outside, UnsafeModelError, "are in another file"),
        (huge, UnsafeModelError, "far larger weights"),
        (many_chunks, UnsafeModelError, "1000000 chunks, more than a file of its size can list"),
        (large_chunk, UnsafeModelError, "chunks of 1073741824 bytes"),
        (many_names, UnsafeModelError, "more than 8 groups and arrays"),
        (words, ModelFileError, "not an array of numbers"),
    ],
)
def test_unsafe_stores_are_refused_before_anything_is_read(
    tmp_path, monkeypatch, edit, error, message
):
    monkeypatch.setattr(groups, "MAX_OBJECTS", 8)
    path = archive(tmp_path / "m", edited(store(layers__a=VALUES), edit))
    frames = read_archive(path)
    sent_frames = []
    with pytest.raises(error, match=message):
        sent_frames.extend(frames)
    assert not any(isinstance(frame, dict) and "array" in frame for frame in sent_frames)
    path.write_bytes(edited(store(layers__a=VALUES), edit).getvalue())
    with pytest.raises(error, match=message):
        list(read_weights(path))


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path):
    path = archive(tmp_path / "m", store(layers__a=VALUES))
    content = bytearray(path.read_bytes())
    content[content.index(VALUES[7].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"damaged or truncated \.keras file \(Bad CRC"):
        list(read_archive(path))


def test_an_archive_after_other_bytes(tmp_path):
    path = archive(tmp_path / "m", store(layers__a__vars__0=VALUES))
    path.write_bytes(bytes(777) + path.read_bytes())
    contents = received(read_archive(path), tmp_path)
    np.testing.assert_array_equal(contents.store["layers/a/vars/0"], VALUES)


def test_a_window_is_limited_to_its_part(tmp_path):
    (tmp_path / "f").write_bytes(bytes(range(100)))
    with (tmp_path / "f").open("rb") as file:
        window = Window(file, 10, 20)
        assert window.read() == bytes(range(10, 30))
        assert window.seek(-3, os.SEEK_END) == 17
        assert (window.read(9), window.tell(), window.read(1)) == (bytes([27, 28, 29]), 20, b"")
        assert window.seek(50) == 50
        assert window.read(1) == b""
        assert (window.seek(2), window.seek(2, os.SEEK_CUR)) == (2, 4)


def test_a_configuration_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("layersight.hdf5.files.MAX_CONFIG", 100)
    with h5py.File(tmp_path / "m", "w") as file:
        file.attrs["model_config"] = "x" * 101
        file.create_group("model_weights")
    with pytest.raises(UnsafeModelError, match="configuration of 101 bytes"):
        list(read_model(tmp_path / "m"))


def reply(request):
    """The answer to a request; the bounds, which would stay with this process, are off."""
    frames = []
    answer(request, frames.append)
    assert frames[0] is None
    return frames[1:]


@pytest.fixture
def unbound(monkeypatch):
    monkeypatch.setattr("layersight.hdf5.serving._limit", lambda name, amount: None)
    monkeypatch.chdir(Path.cwd())


@pytest.mark.usefixtures("unbound")
def test_an_answer_has_an_end_or_an_error(tmp_path):
    archive(tmp_path / "m", store(layers__a=VALUES))
    request = {"job": "archive", "path": "m", "folder": str(tmp_path)}
    assert reply(request)[-1] == {"end": True}
    assert str(Path.cwd()) == Path(sys.executable).anchor
    for job in JOBS:
        frames = reply({"job": job, "path": str(tmp_path / "none"), "folder": None})
        assert [frame["error"] for frame in frames] == ["ModelFileError"]
    wanting = reply({"job": "model", "path": str(tmp_path / "m"), "folder": None})
    assert "damaged or truncated HDF5 file" in wanting[-1]["text"]


@pytest.mark.usefixtures("unbound")
def test_lack_of_memory_is_reported(tmp_path, monkeypatch):
    def fail(path):
        yield {"form": "store"}
        raise MemoryError("no room")

    monkeypatch.setitem(JOBS, "model", fail)
    (tmp_path / "m").write_bytes(b"")
    frames = reply({"job": "model", "path": str(tmp_path / "m"), "folder": None})
    assert frames[-1]["error"] == "ModelFileError"
    assert "no room" in frames[-1]["text"]


def test_frames_go_through_a_pipe(tmp_path):
    sent = [None, {"a": "\udcff\n"}, memoryview(b"1" * 9000), memoryview(b""), {"error": "x"}]
    path = tmp_path / "frames"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    for frame in sent:
        write_frame(descriptor, frame)
    os.close(descriptor)
    with path.open("rb") as stream:
        frames = Incoming(lambda target: stream.readinto(target))
        assert frames.message() == {"a": "\udcff\n"}
        target = bytearray(9000)
        frames.pieces(memoryview(target))
        assert target == b"1" * 9000
        stream.seek(9, os.SEEK_CUR)
        with pytest.raises(RemoteError):
            frames.message()
