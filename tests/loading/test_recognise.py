"""The kind of a file, by its content and never by its suffix."""

from __future__ import annotations

import json
import pickle
import zipfile

import h5py
import pytest

from layersight.errors import ModelFileError
from layersight.loading import load_model
from layersight.loading.recognise import recognise


def refused(path):
    with pytest.raises(ModelFileError) as caught:
        recognise(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def archive(path, **members):
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in members.items():
            opened.writestr(name.replace("_DOT_", ".").replace("_SLASH_", "/"), text)
    return path


@pytest.mark.parametrize("name", ["m.h5", "m.hdf5", "m.model", "m.keras", "m.jpg", "m"])
def test_the_suffix_does_not_matter(tmp_path, name):
    with h5py.File(tmp_path / name, "w"):
        pass
    assert recognise(tmp_path / name) == "hdf5"
    (tmp_path / name).unlink()
    assert recognise(archive(tmp_path / name, config_DOT_json="{}")) == "keras"


def test_hdf5_after_a_user_block(tmp_path):
    for size in (512, 1024, 2048):
        path = tmp_path / f"{size}.h5"
        with h5py.File(path, "w", userblock_size=size):
            pass
        assert recognise(path) == "hdf5"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer: fetch"),
        (b"\n\n <!DOCTYPE html><html>", "a web page: download the file itself"),
        (b"<?xml version='1.0'?>", "a web page"),
        (b"\x1c\0\0\0TFL3" + bytes(20), "a TensorFlow Lite model"),
        (pickle.dumps({"a": 1}), "a Python pickle, which would run code when opened"),
        (b"\x08\x07\x12\x07pytorch" + bytes(20), "what looks like an ONNX model"),
        (b'{"class_name": "Sequential"}', "the configuration of a model without its weights"),
        (b'{"a": 1}', "a JSON file"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "an image: give the model first and the image second"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        (b"hello there\nworld", "a text file that starts with 'hello there'"),
        (bytes(range(1, 32)) * 4, "124 bytes of an unknown kind that start with 01 02 03"),
    ],
)
def test_descriptions_of_other_files(tmp_path, content, words):
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    message = refused(path)
    assert "is not a Keras model: expected a .keras or HDF5 file" in message
    assert words in message


def test_archives_that_are_not_models(tmp_path):
    torch = archive(tmp_path / "m.pt", archive_SLASH_data_DOT_pkl="x")
    assert "a PyTorch file (a zip archive with a pickle)" in refused(torch)
    saved = archive(tmp_path / "s.zip", saved_SLASH_saved_model_DOT_pb="x")
    assert "a zipped SavedModel" in refused(saved)
    packed = archive(tmp_path / "p.zip", converted_SLASH_model_DOT_json="x", labels_DOT_txt="x")
    assert "unpack it and open converted/model.json" in refused(packed)
    other = archive(tmp_path / "o.keras", a_DOT_txt="x", b_DOT_txt="y")
    assert "expected config.json in it, found a.txt, b.txt" in refused(other)
    assert "found nothing" in refused(archive(tmp_path / "n.keras"))
    cut = archive(tmp_path / "c.keras", config_DOT_json="{}" * 100)
    cut.write_bytes(cut.read_bytes()[:80])
    assert "damaged or truncated zip archive" in refused(cut)


def test_a_missing_file_with_suggestions(tmp_path):
    for name in ("model.h5", "modell.keras", "model.txt"):
        (tmp_path / name).touch()
    message = refused(tmp_path / "modle.h5")
    assert message.startswith("no model file ")
    assert "Did you mean model.h5" in message
    assert "model.txt" not in message
    assert refused(tmp_path / "nowhere" / "model.h5").endswith("model.h5.")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a" * 300, "File name too long"),
        ("a" * 252, "no "),
        ("a\0b", "null"),
        ("a/" * 3000, "long"),
    ],
)
def test_impossible_names(tmp_path, name, words):
    long = f"{tmp_path}/{name}"
    for open_model in (
        lambda: load_model(name),
        lambda: load_model(long),
        lambda: load_model("VGG16", weights=long),
        lambda: load_model(long, architecture="VGG16"),
    ):
        with pytest.raises(ModelFileError, match=words):
            open_model()


def test_folders(tmp_path):
    assert refused(tmp_path).endswith("is a folder: expected a .keras or HDF5 file.")
    (tmp_path / "b.keras").touch()
    (tmp_path / "a.h5").touch()
    assert refused(tmp_path).endswith("It holds a.h5, b.keras.")
    script = tmp_path / "js"
    script.mkdir()
    (script / "model.json").write_text(json.dumps({"modelTopology": {}}))
    assert recognise(script) == "tfjs"
    assert recognise(script / "model.json") == "tfjs"
    (script / "model.json").write_text("no JSON")
    assert "is a folder" in refused(script)
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").touch()
    assert recognise(saved) == "savedmodel"
