"""Activations and heatmaps compare an image with those of a survey."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import layersight
from fake_network import Fake, deep
from layersight.data.model import InputInfo
from layersight.document.blocks import Grid, Section, flat
from layersight.errors import UsageError
from layersight.export.files import json_of, to_bytes
from layersight.nouns.activations.document import describe
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.heatmaps import document as heatmaps
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.survey.result import Survey

draw = np.random.default_rng(12)
PHOTOS = [draw.random((8, 8, 3)).astype(np.float32) for _ in range(20)]
BLACK = np.zeros((8, 8, 3), np.float32)


@pytest.fixture(scope="module")
def model() -> Fake:
    return deep()


@pytest.fixture(scope="module")
def survey(model: Fake) -> Survey:
    return layersight.survey(model, PHOTOS, layers=["stem", "body", "top"])


def test_channels_have_their_rank_among_the_images(model: Fake, survey: Survey) -> None:
    result = layersight.activations(model, PHOTOS[3], layers=["stem", "pool"], survey=survey)
    entry = result.layer("stem")
    assert entry.among is not None
    assert entry.among.images == 20
    every = model.forward({"picture": np.stack(PHOTOS)}, ["stem"]).layers["stem"].max((1, 2))
    exact = (every <= every[3] * 1.016).mean(0)
    assert (entry.among.below[0] >= (every <= every[3]).mean(0) - 1e-6).all()
    assert (entry.among.below[0] <= exact + 1e-6).all()
    assert result.layer("pool").among is None
    assert "the survey did not count pool" in result.notes
    (layer,) = json_of(result, PictureOptions())["layers"][:1]
    assert layer["channels"][1]["images_below"] == pytest.approx(float(entry.among.below[0, 1]))


def test_what_is_flat_for_an_image_is_not_called_dead(model: Fake, survey: Survey) -> None:
    result = layersight.activations(model, BLACK, layers=["stem"], survey=survey)
    document = describe(result, PictureOptions(view="grid"))
    (section,) = document.parts[0].sections
    (grid,) = (block for block in flat(section.blocks) if isinstance(block, Grid))
    assert [tile.cover.words[0] for tile in grid.tiles if tile.cover] == ["flat here"] * 4
    assert "none dead over 20 images" in section.facts
    assert "4 more flat for this image" in section.facts
    assert grid.numbers[0].name == "images below, of 20"
    alone = describe(
        layersight.activations(model, BLACK, layers=["stem"]), PictureOptions(view="grid")
    )
    assert "4 dead for this image" in alone.parts[0].sections[0].facts
    chosen = layersight.activations(
        model, BLACK, layers=["stem"], channels="1,3", survey=survey
    ).layer("stem")
    assert chosen.among is not None
    assert chosen.among.below.shape == (1, 2)


def test_a_silent_channel_is_dead_over_the_data(model: Fake) -> None:
    survey = layersight.survey(model, [BLACK, BLACK], layers=["stem"])
    result = layersight.activations(model, BLACK, layers=["stem"], survey=survey)
    page = to_bytes(result, ".html", PictureOptions()).decode()
    assert "4 dead over 2 images" in page
    assert "over 2</span>" in page


def test_heatmaps_say_for_how_many_images_the_score_is_no_greater(
    model: Fake, survey: Survey
) -> None:
    result = layersight.heatmap(model, PHOTOS[0], method="gradient", target=1, survey=survey)
    scores = model.forward({"picture": np.stack(PHOTOS)}, ["top"]).layers["top"][:, 1]
    assert result.surveyed == 20
    share = float(np.mean(scores <= scores[0]))
    assert share <= result[0].below <= float(np.mean(scores <= scores[0] * 1.016))
    numbers = json_of(result, HeatOptions())["heatmaps"][0]
    assert numbers["images_below"] == pytest.approx(result[0].below)
    assert "of 20 images)" in to_bytes(result, ".html", HeatOptions()).decode()
    without = layersight.heatmap(model, PHOTOS[0], method="gradient", target=1)
    assert "images_below" not in json_of(without, HeatOptions())["heatmaps"][0]


def test_a_survey_of_another_model_is_refused(survey: Survey) -> None:
    other = deep()
    other.named = dataclasses.replace(other.named, digest="sha256:1")
    for verb in (layersight.activations, layersight.heatmap):
        with pytest.raises(UsageError, match="the survey is of another model"):
            verb(other, PHOTOS[0], survey=survey)


def test_the_strongest_images_stand_under_a_large_map(model: Fake, survey: Survey) -> None:
    result = layersight.activations(
        model, PHOTOS[3], layers=["stem", "pool"], channels="1", survey=survey
    )
    first, second = describe(result, PictureOptions(view="channel")).parts[0].sections
    (grid,) = (block for block in flat(first.blocks) if isinstance(block, Grid))
    names = [survey.names[image] for image in survey["stem"].strongest.images[1]]
    assert grid.title == "Strongest of 20 images: what excites it most"
    assert [tile.name for tile in grid.tiles] == names
    assert not [block for block in flat(second.blocks) if isinstance(block, Grid)]


def strips(section: Section) -> list[Grid]:
    """The images of a survey in a section of heatmaps."""
    grids = [block for block in flat(section.blocks) if isinstance(block, Grid)]
    return [grid for grid in grids if grid.title.startswith("Strongest")]


@pytest.mark.parametrize("view", ["single", "overlay", "row", "table", "sheet"])
def test_the_strongest_images_stand_below_the_last_heatmap_of_a_target(
    model: Fake, survey: Survey, view: str
) -> None:
    result = layersight.heatmap(
        model,
        PHOTOS[:2],
        method=["gradient", "occlusion"],
        target=[1, "body:3", "body:3@0,1", "1 vs 0", "not 2"],
        survey=survey,
    )
    document = heatmaps.describe(result, HeatOptions(view=view))
    sections = enumerate(document.parts[0].sections)
    shown = [(number, strip) for number, section in sections for strip in strips(section)]
    wanted = [
        ("class 1: what excites top:1 most", survey["top"].strongest.images[1]),
        ("body channel 3: what excites body:3 most", survey["body"].strongest.images[3]),
        ("not class 2: what excites top:2 least", survey["top"].weakest.images[2]),
    ]
    assert [strip.title for _, strip in shown] == 2 * [
        f"Strongest of 20 images for {words}" for words, _ in wanted
    ]
    for (_, strip), (_, images) in zip(shown, 2 * wanted, strict=True):
        assert [tile.name for tile in strip.tiles] == [survey.names[image] for image in images]
    if view in ("single", "overlay"):
        assert [number for number, _ in shown] == [1, 5, 9, 11, 15, 19]
    first = json_of(result, HeatOptions())["heatmaps"][0]
    assert [image["image"] for image in first["strongest"]] == [
        survey.names[image] for image in survey["top"].strongest.images[1]
    ]


def test_a_heatmap_of_what_the_survey_did_not_count_has_a_note(model: Fake, survey: Survey) -> None:
    result = layersight.heatmap(
        model, PHOTOS[0], method="gradient", target=["pool:1", "body:1"], survey=survey
    )
    assert "the survey did not count pool" in result.notes
    entries = json_of(result, HeatOptions())["heatmaps"]
    assert ["strongest" in entry for entry in entries] == [False, True]
    sections = heatmaps.describe(result, HeatOptions(view="single")).parts[0].sections
    assert [len(strips(section)) for section in sections] == [0, 1]


def test_a_heatmap_before_an_activation_function_has_the_images_after_it() -> None:
    model = Fake(
        {
            "conv": ("Conv2D", lambda picture: picture - 0.5),
            "relu": ("ReLU", lambda conv: np.maximum(conv, 0)),
            "top": ("Dense", lambda relu: relu.mean((1, 2))),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    survey = layersight.survey(model, PHOTOS)
    result = layersight.heatmap(model, PHOTOS[0], method="gradient", target="conv:1", survey=survey)
    assert (
        "the survey counted conv as relu, after the activation function, whose strongest images "
        "stand below" in result.notes
    )
    ((strip,),) = map(strips, heatmaps.describe(result, HeatOptions()).parts[0].sections)
    assert strip.title.endswith("what excites relu:1 most")
    assert [tile.name for tile in strip.tiles] == [
        survey.names[image] for image in survey["relu"].strongest.images[1]
    ]
