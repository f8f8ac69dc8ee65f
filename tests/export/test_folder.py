"""A folder: every picture, the numbers, the origin."""

from dataclasses import replace

import numpy as np
from PIL import Image

from export.made import RESULT, make
from layersight.document.words import file_name
from layersight.export import read_manifest, save
from layersight.nouns.activations.noun import NOUN, alive_everywhere
from layersight.nouns.activations.options import PictureOptions

ONE = {
    *("sheet.pdf", "sheet.html", "statistics.json", "manifest.json"),
    *("00-conv.png", "01-body-pool.png", "02-line.png", "03-volume.png", "04-top.png"),
}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_what_a_folder_holds(tmp_path):
    folder = save(RESULT, tmp_path / "out")
    assert names(folder) == {*ONE, "across-channel-2.png"}
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 10
    assert read_manifest(folder / "00-conv.png")["layers"] == [{"name": "conv", "channels": "0-4"}]
    across = read_manifest(folder / "across-channel-2.png")
    assert [entry["name"] for entry in across["layers"]] == ["conv", "body/pool", "line", "volume"]
    assert {entry["channels"] for entry in across["layers"]} == {"2"}
    assert across["options"]["view"] == "across"


def test_other_files_in_a_folder_are_left_alone(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"keep")
    save(RESULT, tmp_path)
    assert names(tmp_path) == {*ONE, "across-channel-2.png", "photo.jpg"}
    assert (tmp_path / "photo.jpg").read_bytes() == b"keep"


def test_images_with_one_name_do_not_overwrite_each_other(tmp_path):
    apart = save(make(2, names=["cats/1.png", "dogs/2.png"]), tmp_path / "apart")
    assert {"1-00-conv.png", "2-00-conv.png"} <= names(apart)
    same = save(make(3, names=["cats/1.png", "dogs/1.png", "1-1.jpg"]), tmp_path / "same")
    assert {"1-1-00-conv.png", "2-1-00-conv.png", "3-1-1-00-conv.png"} <= names(same)
    shown = {read_manifest(path)["images"][0]["name"] for path in same.glob("*-00-conv.png")}
    assert shown == {"cats/1.png", "dogs/1.png", "1-1.jpg"}


def test_layers_of_one_plain_name_do_not_overwrite_each_other(tmp_path):
    first, second = RESULT.layers[:2]
    layers = (
        replace(first, layer=replace(first.layer, name="a/b")),
        replace(second, layer=replace(second.layer, name="a-b")),
    )
    folder = save(replace(RESULT, layers=layers), tmp_path / "out")
    assert {"00-a-b.png", "01-a-b.png"} <= names(folder)


def test_layers_without_maps_have_no_way_of_a_channel(tmp_path):
    folder = save(replace(RESULT, layers=RESULT.layers[-1:]), tmp_path / "out")
    assert not list(folder.glob("*across*"))
    assert alive_everywhere(replace(RESULT, layers=RESULT.layers[-1:])) is None


def test_the_first_channel_that_lives_everywhere():
    assert alive_everywhere(RESULT) == 2
    conv = RESULT.layers[0]
    stats = replace(conv.statistics, dead=np.ones_like(conv.statistics.dead))
    dead = replace(RESULT, layers=(replace(conv, statistics=stats), *RESULT.layers[1:]))
    assert alive_everywhere(dead) is None


def test_a_caption_says_what_was_done():
    found = NOUN.describe(RESULT, PictureOptions())
    assert found.name == "small: cat.png"
    for part in (
        "conv 8 \u00d7 9 \u00d7 5, channels 0\u20134, body/pool",
        "(x - mean) / std * 64 + 128",
        "pixels / 255",
        "sha256:0123",
    ):
        assert part in found.caption
    many = replace(RESULT, layers=RESULT.layers[:1] * 14)
    assert "and 2 more" in NOUN.describe(many, PictureOptions()).caption


def test_names_of_files_are_plain():
    assert file_name("../../etc/passwd") == "..-..-etc-passwd"
    assert file_name("a b\0c\udcff") == "a_b_c_"
    assert file_name("") == "layer"
    assert len(file_name("x" * 500)) == 80
