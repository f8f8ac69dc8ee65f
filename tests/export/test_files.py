"""Files of activations: whole or not at all, what is there is replaced, wrong places are told."""

import errno
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.made import NASTY, RESULT, everything, make
from layersight.errors import OutputError, UsageError
from layersight.export import files, read_manifest, save
from layersight.export.files import suffixes_of
from layersight.export.manifest import dump_manifest, manifest_of
from layersight.nouns.activations.noun import NOUN
from layersight.nouns.activations.options import PictureOptions

KINDS = [*suffixes_of(NOUN), ""]
"""Every suffix, and none for a folder."""


def options_for(suffix):
    """SVG holds one page, so a view that has one."""
    return {"view": "grid"} if suffix == ".svg" else {}


def only_maps(result, suffix):
    """For SVG the layers that the view shows on its one page."""
    if suffix != ".svg":
        return result
    return replace(result, images=result.images[:1], layers=result.layers[:1])


def write(result, path):
    return save(only_maps(result, path.suffix), path, **options_for(path.suffix))


@pytest.mark.parametrize("suffix", KINDS)
def test_what_is_there_is_replaced(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    write(make(names=["dog.png"]), path)
    assert read_manifest(path)["images"][0]["name"] == "dog.png"
    write(make(), path)
    assert read_manifest(path)["images"][0]["name"] == "cat.png"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [f"out{suffix}"]


def test_a_single_map_says_how_it_was_drawn(tmp_path):
    for normalise, drawn in (("standardise", "minmax"), ("layer", "layer")):
        options = PictureOptions(view="channel", normalise=normalise)
        found = read_manifest(save(make(), tmp_path / "out.pdf", options))["options"]
        assert found["normalise"] == drawn
        settled = PictureOptions(normalise=drawn)
        assert found["normalisation"] == settled.describe()


@pytest.mark.parametrize("suffix", KINDS)
def test_settings_reach_the_file(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    made = only_maps(make(), suffix)
    base = PictureOptions(**options_for(suffix), contrast=128)
    save(made, path, base, centre=100, colormap="grey")
    found = read_manifest(path)["options"]
    assert (found["contrast"], found["centre"], found["colormap"]) == (128, 100, "grey")
    assert "* 128 + 100" in found["normalisation"]


@pytest.mark.parametrize("suffix", KINDS)
def test_values_that_are_no_numbers_are_written_without_a_warning(tmp_path, suffix):
    path = write(make(broken=True), tmp_path / f"out{suffix}")
    assert path.exists()


@pytest.mark.parametrize("suffix", KINDS)
def test_several_images(tmp_path, suffix):
    path = write(make(3, names=["a.png", "b.png", "c.png"]), tmp_path / f"out{suffix}")
    wanted = 1 if suffix == ".svg" else 3
    assert len(read_manifest(path)["images"]) == wanted


# Whole or not at all.


def fail(monkeypatch, suffix, error):
    """Lets the writer of a suffix fail, for stores and folders after half of the work."""

    def writer(*arguments):
        folder = next((each for each in arguments if isinstance(each, Path)), None)
        if folder is not None:
            (folder / "half").write_bytes(b"half")
        raise error

    name = {"": "fill", ".zarr": "write_zarr"}.get(suffix, "to_bytes")
    monkeypatch.setattr(files, name, writer)


@pytest.mark.parametrize("target", ["out", "new/deep/out"])
@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=repr)
def test_a_writer_that_fails_leaves_nothing(tmp_path, monkeypatch, suffix, target, error):
    fail(monkeypatch, suffix, error)
    with pytest.raises(type(error)):
        write(RESULT, tmp_path / f"{target}{suffix}")
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("suffix", KINDS)
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, monkeypatch, suffix):
    path = write(make(), tmp_path / f"out{suffix}")
    before = everything(tmp_path)
    fail(monkeypatch, suffix, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write(make(), path)
    assert everything(tmp_path) == before


class Full:
    """A file on a disk that is full after some bytes."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, content):
        self.file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", [suffix for suffix in KINDS if suffix != ".zarr"])
def test_a_full_disk(tmp_path, monkeypatch, suffix):
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda *given, **known: Full(opened(*given, **known)))
    with pytest.raises(OutputError, match=r"^cannot write \S+: No space left on device\. Choose"):
        write(RESULT, tmp_path / f"new/out{suffix}")
    assert everything(tmp_path) == {}


def test_a_full_disk_under_a_store(tmp_path, monkeypatch):
    fail(monkeypatch, ".zarr", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(OutputError, match=r"^cannot write \S+: No space left on device\. Choose"):
        write(RESULT, tmp_path / "new/out.zarr")
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EACCES, "Permission denied")])
def test_an_interruption_at_the_last_moment(tmp_path, monkeypatch, suffix, error):
    write(RESULT, tmp_path / f"old{suffix}")
    before = everything(tmp_path)
    known = {"replace": Path.replace, "rename": Path.rename}

    def move(how):
        def refuse(path, target):
            if Path(target).parent == tmp_path or Path(target).parent.parent == tmp_path:
                raise error
            return known[how](path, target)

        return refuse

    for how in known:
        monkeypatch.setattr(Path, how, move(how))
    for name in ("old", "new"):
        with pytest.raises((KeyboardInterrupt, OutputError)):
            write(RESULT, tmp_path / f"{name}{suffix}")
        if not suffix:  # a folder without it is known to be incomplete
            before.pop("old/manifest.json", None)
        assert everything(tmp_path) == before


@pytest.mark.parametrize("suffix", KINDS)
def test_places_that_cannot_be_written(tmp_path, suffix):
    file = tmp_path / "file.txt"
    file.write_text("keep")
    for path, words in (
        (file / f"out{suffix}", f"expected a folder, {file} is a file"),
        (file / f"deep/out{suffix}", f"expected a folder, {file} is a file"),
        (Path("/proc/nothing") / f"out{suffix}", "cannot write /proc/nothing/out"),
        (tmp_path / f"{'x' * 300}{suffix}", "File name too long"),
        (tmp_path / f"nul\0{suffix}", "no file can have such a name"),
        (tmp_path / f"lone\ud800{suffix}", "no file can have such a name"),
    ):
        with pytest.raises(OutputError, match=r"^cannot write") as caught:
            write(RESULT, path)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert everything(tmp_path) == {"file.txt": b"keep"}


def test_a_folder_where_a_file_should_be_and_the_reverse(tmp_path):
    for suffix in (".pdf", ".npz", ".json"):
        target = tmp_path / f"taken{suffix}"
        target.mkdir()
        with pytest.raises(OutputError, match="Is a directory"):
            write(RESULT, target)
        assert target.is_dir()
    for suffix in (".zarr", ""):
        target = tmp_path / f"file{suffix}"
        target.write_text("keep")
        with pytest.raises(OutputError, match=r"^cannot write"):
            write(RESULT, target)
        assert target.read_text() == "keep"


def test_a_folder_with_something_else_is_no_store_to_be_replaced(tmp_path):
    target = tmp_path / "photos.zarr"
    target.mkdir()
    (target / "photo.jpg").write_bytes(b"keep")
    with pytest.raises(OutputError, match="found a folder that holds something else"):
        write(RESULT, target)
    assert everything(target) == {"photo.jpg": b"keep"}
    (target / "photo.jpg").unlink()
    write(RESULT, target)
    assert (target / "zarr.json").exists()


def test_files_get_the_rights_that_new_files_get(tmp_path):
    before = os.umask(0o027)
    try:
        for suffix in KINDS:
            path = write(RESULT, tmp_path / f"out{suffix}")
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o750 if path.is_dir() else 0o640)
        inside = tmp_path / "out" / "manifest.json"
        assert stat.S_IMODE(inside.stat().st_mode) == 0o640
    finally:
        os.umask(before)


# Wrong words.


def test_a_folder_may_have_a_dot_once_it_is_there(tmp_path):
    (tmp_path / "run.v2").mkdir()
    assert (save(RESULT, tmp_path / "run.v2") / "sheet.pdf").exists()


def test_what_is_no_result(tmp_path):
    with pytest.raises(
        UsageError,
        match="expected activations, patterns, kernels, heatmaps, an evaluation, a summary or an",
    ):
        save(RESULT.layers[0], tmp_path / "x.png")
    found = json.loads(save(RESULT.model, tmp_path / "m.json").read_text("utf-8"))
    assert found["name"] == "small"
    assert found["schema"] == 2


# Files without an origin.


@pytest.mark.parametrize("suffix", [*KINDS, ".txt"])
def test_a_file_that_layersight_did_not_write(tmp_path, suffix):
    contents = {
        ".json": b"[1, 2]",
        ".html": b"<html></html>",
        ".svg": b"<svg/>",
        ".png": b"\x89PNG\r\n\x1a\n\0\0\0\0IEND",
        ".pdf": b"%PDF-1.4 /Keywords (nothing)",
    }
    path = tmp_path / f"other{suffix}"
    with pytest.raises(OutputError, match=r"^no manifest in .*: expected a file or folder that"):
        read_manifest(path)
    path.write_bytes(contents.get(suffix, b"else"))
    with pytest.raises(OutputError, match=r"^no manifest in "):
        read_manifest(path)
    if suffix == ".npz":
        np.savez(path, a=np.zeros(2))
        with pytest.raises(OutputError, match=r"^no manifest in "):
            read_manifest(path)


def test_a_manifest_is_one_line_of_ascii():
    text = dump_manifest(manifest_of(make(name=NASTY), PictureOptions()))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text)["model"]["name"] == NASTY
