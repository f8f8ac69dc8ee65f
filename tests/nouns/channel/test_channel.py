"""One channel on a page: what excites it, how often, for which classes, and on an image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

import layersight
from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.document.blocks import Curve, Facts, Grid, Picture, Table, flat
from layersight.document.noun import Plain
from layersight.errors import OutputError, SelectionError, UsageError
from layersight.export.files import json_of
from layersight.nouns.channel.document import describe
from layersight.nouns.channel.result import Channel

draw = np.random.default_rng(8)
COUNT = 30
KERNEL = draw.normal(size=(1, 1, 3, 3)).astype(np.float32)


def network():
    """Red, green and a silent channel, whose activation function is a layer by itself."""

    def colours(picture):
        return np.stack([picture[..., 0] - 0.5, picture[..., 1] - 0.5, 0 * picture[..., 0] - 1], -1)

    model = Fake(
        {
            "colours": ("Conv2D", lambda picture: colours(picture)),
            "relu": ("ReLU", lambda colours: np.maximum(colours, 0)),
            "top": ("Dense", lambda relu: relu.mean((1, 2))[:, :2]),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    model.weights["colours"] = KERNEL
    return model


def photograph(number):
    pixels = draw.integers(0, 100, (8, 8, 3)).astype(np.uint8)
    pixels[..., number % 2] += 4 * number
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        path = root / ("green" if number % 2 else "red") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(photograph(number)).save(path)
    return root


@pytest.fixture(scope="module")
def survey(folder):
    return layersight.survey(network(), folder, scale="0..1", correlate=True)


Shown = Callable[..., Channel]


@pytest.fixture(scope="module")
def shown(survey):
    def show(unit="relu:0", **options):
        return layersight.channel(network(), unit, survey=survey, pattern=False, **options)

    return show


def blocks(result):
    return [block for part in describe(result, Plain()).parts for block in part.sections[0].blocks]


def of_kind(result, kind):
    return [block for block in flat(blocks(result)) if isinstance(block, kind)]


def facts(result):
    return dict(of_kind(result, Facts)[0].rows)


def test_the_strongest_images_have_their_names(shown):
    result = shown()
    strongest = next(grid for grid in of_kind(result, Grid) if grid.title.startswith("Strongest"))
    entry = result.entry.strongest
    names = [result.survey.names[image] for image in entry.images[0]]
    assert [tile.name for tile in strongest.tiles] == names
    assert all(name.startswith("red/") for name in names[:3])
    assert [line[0] for line in strongest.tiles[0].lines] == [names[0][4:-4], "red"]
    assert strongest.photos


def test_the_histogram_counts_the_images_and_marks_this_one(shown, folder):
    strongest = folder / "red" / "28.png"
    result = shown(over=strongest)
    peaks, means = of_kind(result, Curve)
    found = result.entry.peaks
    zero = int(found.counts[0][(found.edges == 0).all(1)].sum())
    line = np.asarray(peaks.series[0].y)[::2]
    assert line.sum() == COUNT - zero > 0
    assert peaks.series[1].name == f"image {result.maps.layers[0].statistics.max[0, 0]:.3g}"
    assert "exactly 0" in peaks.lines[0]
    assert means.title == "Images by the mean of their map"


def test_an_image_has_its_rank_and_its_map(shown, folder):
    result = shown(over=folder / "red" / "28.png")
    below = json_of(result, Plain())["image"]["images_below"]
    peaks = [float(v) for v in result.entry.strongest.activations[0]]
    assert 0.9 < below <= 1
    assert result.maps is not None
    assert peaks[0] >= float(result.maps.layers[0].statistics.max[0, 0])
    (picture,) = of_kind(result, Picture)
    assert picture.pixels.shape == picture.overlay.under.shape[:2] == (8, 8)
    assert "of the images have no greater peak" in facts(result)["this image"].note


def test_dead_for_an_image_differs_from_dead_over_the_data(shown, folder):
    silent = facts(shown(over=np.zeros((8, 8, 3), np.uint8)))["this image"].note
    assert silent.startswith("dead for this image, but not over 30 images")
    other = shown("relu:2", over=folder / "red" / "28.png")
    assert facts(other)["dead"].text == "0 at every position of all 30 images"
    assert facts(other)["this image"].note.startswith("dead for this image, and over all 30 images")
    assert not [grid for grid in of_kind(other, Grid) if grid.title.startswith("Strongest")]


def test_classes_come_in_the_order_of_their_means(shown):
    (table,) = of_kind(shown(), Table)
    assert [row[0].text for row in table.rows] == ["red", "green"]
    assert facts(shown())["selective for red"].share > 0.3


def test_the_kernel_is_that_of_the_layer_before_the_activation_function(shown):
    kernel = shown("relu:1").kernel
    assert kernel is not None
    assert kernel.layers[0].name == "colours"
    assert kernel.layers[0].filters == (1,)
    assert np.array_equal(kernel.layers[0].values[..., 0], KERNEL[..., 1])
    assert shown("top:0").kernel is None


def test_neighbours_are_shown_where_the_survey_has_them(shown, folder):
    grid = next(grid for grid in of_kind(shown(), Grid) if "go with it" in grid.title)
    assert grid.tiles[0].label == "1"
    plain = layersight.survey(network(), folder, scale="0..1")
    result = layersight.channel(network(), "relu:0", survey=plain, pattern=False)
    assert not [grid for grid in of_kind(result, Grid) if "go with it" in grid.title]


def test_it_is_written_as_a_page(shown, tmp_path, survey):
    layersight.save(survey, tmp_path / "survey")
    result = layersight.channel(network(), "relu:0", survey=tmp_path / "survey", pattern=False)
    for suffix, begin in ((".pdf", b"%PDF-"), (".html", b"<!DOCTYPE html>"), (".png", b"\x89PNG")):
        layersight.save(result, tmp_path / f"page{suffix}")
        assert (tmp_path / f"page{suffix}").read_bytes().startswith(begin)
    saved = json_of(result, Plain())
    assert saved["statistics"]["max"] == pytest.approx(float(survey["relu"].max[0]))
    assert saved["strongest"][0]["image"] == survey.names[survey["relu"].strongest.images[0, 0]]


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("relu", "expected LAYER:CHANNEL as 'conv2d:5', found 'relu'"),
        ("relu:", "expected LAYER:CHANNEL"),
        (":3", "expected LAYER:CHANNEL"),
        ("relu:1-2", "expected LAYER:CHANNEL"),
        ("rely:1", "relu"),
        ("relu:7", "7"),
        ("*:1", "expected one layer, found 2"),
    ],
)
def test_words_that_name_no_channel_are_refused_in_one_line(shown, unit, words):
    with pytest.raises((UsageError, SelectionError)) as found:
        shown(unit)
    assert words in str(found.value)
    assert len(str(found.value).splitlines()) == 1


def test_a_survey_of_another_model_is_refused(survey, tmp_path):
    other = network()
    other.named = dataclasses.replace(other.named, digest="sha256:1")
    with pytest.raises(UsageError, match="the survey is of another model"):
        layersight.channel(other, "relu:0", survey=survey)
    with pytest.raises(OutputError, match="no survey in"):
        layersight.channel(network(), "relu:0", survey=tmp_path)
