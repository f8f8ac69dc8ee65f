"""The report of a survey: every layer, every channel, its strongest crops, and what is dead."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path

import numpy as np
import pypdf
import pytest
from PIL import Image

import layersight
from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.document.blocks import Grid, flat
from layersight.export.files import to_bytes
from layersight.nouns.survey.document import PageOptions, describe
from layersight.nouns.survey.montage import BLANK
from layersight.nouns.survey.result import Survey

draw = np.random.default_rng(5)
COUNT = 24


def network() -> Fake:
    """Channels of a convolution: red, green, silent, and one that fires for one image."""

    def colours(picture: np.ndarray) -> np.ndarray:
        red, green = picture[..., 0], picture[..., 1]
        single = np.maximum(picture.mean(axis=(1, 2, 3), keepdims=True)[..., 0] - 0.9, 0)
        return np.stack([red, green, 0 * red, single + 0 * red], -1)

    return Fake(
        {
            "colours": ("Conv2D", colours, "relu"),
            "top": ("Dense", lambda colours: colours.mean((1, 2))[:, :2]),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures: half of them red, half of them green, one of them nearly white."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        pixels = draw.integers(0, 60, (8, 8, 3)).astype(np.uint8)
        pixels[..., number % 2] += 100 + 4 * number
        if number == 5:
            pixels[:] = 250
        path = root / ("green" if number % 2 else "red") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


@pytest.fixture(scope="module")
def made(folder: Path) -> Survey:
    return layersight.survey(network(), folder, scale="0..1")


def test_a_survey_is_a_line_and_a_table(made: Survey) -> None:
    assert repr(made).startswith("<Survey of ")
    assert "(s)" not in repr(made)
    frame = made.to_dataframe()
    assert len(frame) == sum(entry.channels for entry in made.layers)
    row = frame[(frame.layer == made.layers[0].name) & (frame.channel == 1)].iloc[0]
    assert row["mean"] == pytest.approx(float(made.layers[0].mean[1]))


def sections(survey: Survey) -> dict[str, Grid]:
    (part,) = describe(survey, PageOptions()).parts
    return {
        section.title: block
        for section in part.sections
        for block in flat(section.blocks)
        if isinstance(block, Grid)
    }


def test_the_crops_are_those_of_the_strongest_images(made: Survey) -> None:
    grid = sections(made)["colours"]
    assert grid.photos
    assert len(grid.tiles) == 4
    reddest = np.asarray(grid.pixels[0]).reshape(-1, 3)
    shown = reddest[~(reddest == BLANK).all(1)].mean(0)
    assert shown[0] > shown[1] + 80
    greenest = np.asarray(grid.pixels[1]).reshape(-1, 3)
    shown = greenest[~(greenest == BLANK).all(1)].mean(0)
    assert shown[1] > shown[0] + 80


def test_what_is_silent_is_dead_over_the_data_and_not_for_an_image(made: Survey) -> None:
    tiles = sections(made)["colours"].tiles
    covers = [tile.cover.words if tile.cover else () for tile in tiles]
    assert covers == [(), (), ("dead", "= 0", f"over {COUNT} images"), ()]


def test_a_channel_that_fires_for_one_image_shows_one_and_is_not_called_selective(
    made: Survey,
) -> None:
    grid = sections(made)["colours"]
    lines = {name: cell.text for name, cell in grid.tiles[3].lines}
    selective = next(column for column in grid.numbers if column.name == "selectivity")
    assert np.isnan(selective.values[3])
    assert np.isfinite(made["colours"].selectivity[3])
    assert lines["fires for"] == "1 image"
    assert "green" not in lines
    assert "red" not in lines
    side = 46
    drawn = np.asarray(grid.pixels[3])
    assert (drawn[:side, side + 2 :] == BLANK).all()  # the cells of images that do not excite it


def test_channels_can_be_ordered(made: Survey) -> None:
    page = to_bytes(made, ".html", PageOptions()).decode()
    for name in ("as they come", "strength", "sparsity", "selectivity", "fires"):
        assert re.search(rf"<option[^>]*>{name}</option>", page), name
    orders = [
        json.loads(html.unescape(data))["orders"]
        for data in re.findall(r'data-of="([^"]*orders[^"]*)"', page)
    ]
    wanted = np.argsort(-made["colours"].max[[0, 1, 3]], kind="stable")
    assert orders[0]["strength"][:3] == np.array([0, 1, 3])[wanted].tolist()
    assert orders[0]["strength"][3] == 2  # what is dead comes last


def test_the_page_is_one_file_with_every_channel(made: Survey) -> None:
    page = to_bytes(made, ".html", PageOptions()).decode()
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", page.split("<main")[1])
    assert page.count("data:image/webp;base64,") == 3 + 2
    match = re.search(r'src="data:image/webp;base64,([^"]+)"', page)
    assert match is not None
    picture = Image.open(io.BytesIO(base64.b64decode(match[1])))
    assert picture.size == (3 * 46 + 4,) * 2
    assert "over 24 images" in page
    assert "1 / 4" in page


def test_the_pdf_holds_photographs_as_jpeg_and_the_rest_without_loss(made: Survey) -> None:
    file = to_bytes(made, ".pdf", PageOptions())
    assert file == to_bytes(made, ".pdf", PageOptions())
    pages = pypdf.PdfReader(io.BytesIO(file)).pages
    text = "".join(page.extract_text() for page in pages)
    assert "over 24 images" in text
    assert "colours" in text
    assert "back to cover" in text
    kinds = [
        image.get_object()["/Filter"]
        for page in pages
        for image in page["/Resources"]["/XObject"].values()
    ]
    assert kinds.count("/DCTDecode") == 3  # both layers show the same crops, stored once
    assert "/FlateDecode" in kinds


def test_the_folder_has_the_report(made: Survey, tmp_path: Path) -> None:
    layersight.save(made, tmp_path / "out")
    again = layersight.read_survey(tmp_path / "out")
    assert (tmp_path / "out" / "report.pdf").read_bytes()[:5] == b"%PDF-"
    for name, grid in sections(again).items():
        assert np.array_equal(grid.pixels, sections(made)[name].pixels)


def test_numbers_without_pictures_are_in_a_table(folder: Path) -> None:
    model = Fake(
        {"top": ("Dense", lambda row: row[:, :2])},
        inputs=(InputInfo("row", (None, 4)),),
    )
    rows = list(draw.normal(size=(6, 4)).astype(np.float32))
    page = to_bytes(layersight.survey(model, rows), ".html", PageOptions()).decode()
    assert "<img" not in page.split("<main")[1].split("</main")[0]
