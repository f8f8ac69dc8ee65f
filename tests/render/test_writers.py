"""PDF, SVG and PNG hold the same page: its text as text, its maps bit by bit, its manifest."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader
from samples import entry, photo, result, small_network, smooth, with_dead

from layersight.document.colour import palette
from layersight.errors import OutputError
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.nouns.activations.tiles import make_tiles
from layersight.render.views import pages
from layersight.render.wording import information
from layersight.version import __version__
from layersight.writers.page import Box, Information, Page, Picture, Text
from layersight.writers.pdf import write_pdf as to_pdf
from layersight.writers.pixels import mosaic
from layersight.writers.png import draw, stack
from layersight.writers.png import stacked_png as to_png
from layersight.writers.svg import write_svg as to_svg

GOLDEN = Path(__file__).parent / "golden"
SHEET, GRID = PictureOptions(), PictureOptions(view="grid")
ABOUT = Information("title", "caption", '{"schema": 1}')
HOSTILE = "собака <b>&amp; кот 日本 (1) \\ " + "x" * 90 + "\u202e.jpg"
SVG = "{http://www.w3.org/2000/svg}"


def pdf(shown: Activations, options: PictureOptions = SHEET) -> PdfReader:
    about = information(shown, options, manifest='{"schema": 1, "é": "кот"}')
    return PdfReader(io.BytesIO(to_pdf(pages(shown, options), about)))


def test_pdf_has_pages_links_and_an_outline() -> None:
    document = pdf(small_network())
    assert len(document.pages) == 2
    names = ["conv", "pool", "signal", "flatten", "dense"]
    assert [entry["/Title"] for entry in document.outline] == ["Overview", *names]
    leads = [
        [document.get_page_number(link["/Dest"][0].get_object()) for link in page["/Annots"]]
        for page in document.pages
    ]
    assert leads == [[1] * len(names), [0]]
    text = document.pages[1].extract_text()
    for name in names:
        assert name in text
    assert "dead" in text


def test_pdf_metadata() -> None:
    about = pdf(small_network()).metadata
    assert about is not None
    assert about.title == "sequential: dog.1100.jpg"
    assert about.creator == f"layersight {__version__}"
    for told in ("conv 14", "channels 0", "standardised", "pixels / 255", "keras 3.15.1"):
        assert told in (about.subject or "")
    assert json.loads(about["/Keywords"]) == {"schema": 1, "é": "кот"}


def test_pdf_holds_the_mosaic_bit_by_bit() -> None:
    shown = result({"conv": smooth((15, 15, 37))})
    (page,) = pages(shown, GRID)
    (image,) = [
        one
        for one in pdf(shown, GRID).pages[0]["/Resources"]["/XObject"].values()
        if one.get_object()["/Height"] > 1
    ]
    image = image.get_object()
    assert image["/ColorSpace"][0] == "/Indexed"
    assert image["/Interpolate"].value is False
    tiles = make_tiles(shown.layers[0], 0, GRID)
    (drawn,) = [item for item in page.items if isinstance(item, Picture) and len(item.pixels) > 1]
    height, width = drawn.pixels.shape
    assert (image["/Height"], image["/Width"]) == (height, width)
    stored = np.frombuffer(image.get_data(), np.uint8).reshape(height, width)
    np.testing.assert_array_equal(stored, drawn.pixels)
    for place in range(37):
        y, x = place // 16 * (height // 3), place % 16 * (width // 16)
        np.testing.assert_array_equal(stored[y : y + 15, x : x + 15], tiles.pixels[place])
    table = image["/ColorSpace"][3]
    table = table.get_data() if hasattr(table, "get_data") else table.original_bytes
    assert bytes(table) == palette("viridis").tobytes()


def test_pdf_stores_an_image_once() -> None:
    shown = result({"a": smooth((7, 7, 5)), "b": smooth((7, 7, 5))})
    objects = pdf(shown, PictureOptions(view="channel"))
    stored = {
        one.idnum
        for page in objects.pages
        for one in page["/Resources"]["/XObject"].values()
        if one.get_object()["/Width"] == 32
    }
    bars = [one for page in objects.pages for one in page["/Resources"]["/XObject"].values()]
    assert len(stored) <= len(objects.pages)
    assert len({reference.idnum for reference in bars}) < len(bars)


def test_pdf_writes_any_name() -> None:
    shown = result({"conv <&>": smooth((7, 7, 4))}, image=photo(HOSTILE))
    document = pdf(shown)
    text = "\n".join(page.extract_text() for page in document.pages)
    assert "conv <&>" in text
    assert "собака <b>&amp; кот" in text
    assert "\u202e" not in text
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in document.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert any("DejaVu" in font for font in fonts)


def test_latin_text_needs_no_embedded_font() -> None:
    document = pdf(small_network())
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in document.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts <= {"/Helvetica", "/Helvetica-Bold"}


@pytest.mark.parametrize("image", [photo(), photo(HOSTILE), photo(size=20, channels=1)])
def test_the_same_twice_is_the_same_bytes(image: object) -> None:
    def once() -> tuple[bytes, str, bytes]:
        shown = result({"conv": smooth((9, 9, 20))}, image=image)  # type: ignore[arg-type]
        about = information(shown, SHEET)
        paper = pages(shown, SHEET)
        return (
            to_pdf(paper, about),
            to_svg(paper[0], about),
            to_png(pages(shown, SHEET, medium="screen"), about),
        )

    assert once() == once()


def test_svg_is_well_formed_and_holds_its_words() -> None:
    shown = result({"conv <&>": smooth((7, 7, 20))}, image=photo(HOSTILE))
    (page,) = pages(shown, GRID)
    about = information(shown, GRID, manifest='{"<": "&"}')
    tree = ET.fromstring(to_svg(page, about))
    assert tree.findtext(f"{SVG}title") == about.title.replace("\u202e", "\ufffd")
    assert "standardised" in (tree.findtext(f"{SVG}desc") or "")
    assert json.loads(tree.findtext(f"{SVG}metadata") or "") == {"<": "&"}
    texts = [one.text for one in tree.iter(f"{SVG}text")]
    assert "conv <&>" in texts
    assert {str(number) for number in range(20)} <= set(texts)
    assert "pixelated" in (tree.findtext(f"{SVG}style") or "")


def test_svg_embeds_the_mosaic_bit_by_bit() -> None:
    shown = result({"conv": smooth((7, 7, 20))})
    (page,) = pages(shown, GRID)
    (drawn,) = [item for item in page.items if isinstance(item, Picture) and len(item.pixels) > 1]
    found = []
    for one in ET.fromstring(to_svg(page, ABOUT)).iter(f"{SVG}image"):
        _, data = one.attrib["href"].split(",")
        found.append(Image.open(io.BytesIO(base64.b64decode(data))))
    (image,) = [one for one in found if one.height > 1]
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), drawn.pixels)


def test_png_draws_a_pixel_as_a_square() -> None:
    shown = result({"pool": smooth((7, 7, 20))})
    (page,) = pages(shown, GRID, medium="screen")
    (drawn,) = [item for item in page.items if isinstance(item, Picture) and len(item.pixels) > 1]
    tiles = make_tiles(shown.layers[0], 0, GRID)
    image = np.asarray(draw(page))
    zoom = round(drawn.width * 2 / drawn.pixels.shape[1])
    x, y = round(drawn.x * 2), round(drawn.y * 2)
    colours = palette("viridis")
    for place in range(20):
        row, column = divmod(place, 16)
        left, top = x + column * 8 * zoom, y + row * (drawn.pixels.shape[0] // 2) * zoom
        tile = image[top : top + 7 * zoom, left : left + 7 * zoom]
        np.testing.assert_array_equal(tile[::zoom, ::zoom], colours[tiles.pixels[place]])
        blocks = tile.reshape(7, zoom, 7, zoom, 3)
        assert (blocks == blocks[:, :1, :, :1]).all()


def test_png_says_what_it_is() -> None:
    shown = small_network()
    about = information(shown, GRID, manifest='{"schema": 1}')
    image = Image.open(io.BytesIO(to_png(pages(shown, GRID, medium="screen"), about)))
    image.load()
    assert image.text["Title"] == about.title
    assert "standardised" in image.text["Description"]
    assert image.text["Software"] == f"layersight {__version__}"
    assert json.loads(image.text["layersight"]) == {"schema": 1}


def test_stacked_pages_show_the_caption_once() -> None:
    made = pages(small_network(), GRID, medium="screen")
    whole = stack(made)
    feet = sum(round(page.foot * page.resolution) for page in made[:-1])
    tall = sum(round(page.height * page.resolution) for page in made)
    assert feet > 0
    assert whole.height == pytest.approx(tall - feet, abs=len(made))


def test_a_png_that_is_too_large_is_refused_before_it_is_drawn() -> None:
    huge = Page(20000, 20000, (), "huge", 1.0)
    with pytest.raises(OutputError, match=r"20,000 x 20,000 pixels.*at most 300 megapixels.*\.pdf"):
        to_png([huge], ABOUT)
    with pytest.raises(OutputError, match="at least one page"):
        stack([])


def golden(name: str, data: bytes) -> bytes:
    path = GOLDEN / name
    if os.environ.get("LAYERSIGHT_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(data)
    return path.read_bytes()


def lesson() -> Activations:
    values = with_dead(smooth((7, 7, 20), 3), {2: 0.0, 6: 0.5, 11: np.nan})
    return result([entry("max_pooling2d_3", values[None], kind="MaxPooling2D")])


def without_text(page: Page) -> Page:
    """Glyphs differ from one FreeType to the next; maps and boxes must not."""
    kept = tuple(item for item in page.items if isinstance(item, Picture | Box))
    return Page(page.width, page.height, kept, page.title, page.resolution)


@pytest.mark.parametrize("view", ["grid", "across", "channel"])
def test_golden_png(view: str) -> None:
    shown = lesson() if view == "grid" else result([lesson_one()])
    made = pages(shown, PictureOptions(view=view), medium="screen")
    file = io.BytesIO()
    image = stack([without_text(page) for page in made])
    image.save(file, "PNG", optimize=True)
    expected = Image.open(io.BytesIO(golden(f"{view}.png", file.getvalue())))
    np.testing.assert_array_equal(np.asarray(expected.convert("RGB")), np.asarray(image))


def lesson_one():  # type: ignore[no-untyped-def]
    return entry("conv2d", smooth((15, 15, 1), 4)[None])


def test_golden_svg() -> None:
    (page,) = pages(lesson(), GRID)
    drawn = to_svg(page, ABOUT)
    expected = golden("grid.svg", drawn.encode()).decode()
    # The embedded images are compared by their pixels: zlib may pack them otherwise.
    data = re.compile(r'href="data:[^"]*"')
    assert data.sub("", drawn) == data.sub("", expected)
    for one, two in zip(data.findall(drawn), data.findall(expected), strict=True):
        left, right = (
            Image.open(io.BytesIO(base64.b64decode(found.split(",")[1].rstrip('"'))))
            for found in (one, two)
        )
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_an_odd_item_is_refused() -> None:
    page = Page(10, 10, (object(),), "odd")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no way to draw object"):
        to_svg(page, ABOUT)
    assert Text(0, 0, "a", 5, "#000000").anchor == "start"
    assert mosaic(np.zeros((1, 2, 2), np.uint8)).shape == (2, 2)
