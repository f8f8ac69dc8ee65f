"""Every format holds the same document: its words as words, its pixels bit by bit, its manifest."""

import base64
import dataclasses
import io
import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image, ImageSequence
from pypdf import PdfReader

import documents
from layersight.errors import OutputError, UsageError
from layersight.export import read_manifest
from layersight.version import __version__
from layersight.writers.animation import to_gif, to_webp
from layersight.writers.figure import to_figure
from layersight.writers.pages import paginate
from layersight.writers.pdf import to_pdf
from layersight.writers.png import draw, to_png
from layersight.writers.sketch import PAPER, SCREEN, Box, Picture
from layersight.writers.svg import to_svg

GOLDEN = Path(__file__).parent / "golden"
MANIFEST = '{"schema": 1, "\u00e9": "\u043a\u043e\u0442", "<": "&"}'
SVG = "{http://www.w3.org/2000/svg}"
WHOLE = documents.whole()
HOSTILE = documents.document(
    dataclasses.replace(
        documents.section(0, documents.maps(), documents.story(documents.HOSTILE)),
        title="conv <&>",
    ),
    name=documents.HOSTILE,
)


def alone(name):
    return documents.document(documents.section(0, *documents.BLOCKS[name]))


def pdf(document):
    return PdfReader(io.BytesIO(to_pdf(document, MANIFEST)))


def mosaic(document):
    """The first picture of the first page that is no colour bar."""
    items = paginate(document, PAPER)[0].items
    return next(item for item in items if isinstance(item, Picture) and len(item.pixels) > 1)


def fonts(document):
    return {
        str(font.get_object()["/BaseFont"])
        for page in document.pages
        for font in page["/Resources"]["/Font"].values()
    }


# PDF.


def test_a_pdf_has_an_outline_and_links_with_places():
    document = pdf(WHOLE)
    sections = [f"layer_{index}" for index in range(len(documents.BLOCKS))]
    assert [entry["/Title"] for entry in document.outline] == ["Overview", *sections]
    leads = [
        [document.get_page_number(link["/Dest"][0].get_object()) for link in page["/Annots"]]
        for page in document.pages
    ]
    assert len(leads[0]) == len(sections)
    assert leads[0] == sorted(leads[0])
    assert all(found[-1] == 0 for found in leads[1:])
    told = document.pages[1].extract_text()
    for words in ("layer_0", "dead", "= 0.5", "back to cover", f"2 / {len(document.pages)}"):
        assert words in told


def test_parts_of_a_document_have_a_level_of_the_outline():
    part = WHOLE.parts[0]
    second = dataclasses.replace(
        part,
        title="two",
        anchor="cover:2",
        sections=tuple(
            dataclasses.replace(each, anchor=f"2:{each.anchor}") for each in part.sections[:1]
        ),
    )
    made = dataclasses.replace(WHOLE, parts=(dataclasses.replace(part, title="one"), second))
    outline = pdf(made).outline
    assert [entry["/Title"] for entry in outline if isinstance(entry, dict)] == ["one", "two"]
    assert [entry["/Title"] for entry in outline[-1]] == ["layer_0"]


def test_metadata_of_a_pdf():
    about = pdf(WHOLE).metadata
    assert about is not None
    assert about.title == WHOLE.name
    assert about.subject == WHOLE.caption
    assert about.creator == f"layersight {__version__}"
    assert json.loads(about["/Keywords"]) == json.loads(MANIFEST)


def test_a_pdf_holds_a_mosaic_bit_by_bit():
    made = alone("maps")
    drawn = mosaic(made)
    (image,) = [
        one.get_object()
        for one in pdf(made).pages[0]["/Resources"]["/XObject"].values()
        if one.get_object()["/Height"] > 1
    ]
    assert image["/ColorSpace"][0] == "/Indexed"
    assert image["/Interpolate"].value is False
    stored = np.frombuffer(image.get_data(), np.uint8).reshape(image["/Height"], image["/Width"])
    np.testing.assert_array_equal(stored, drawn.pixels)
    tiles = documents.maps().pixels
    pitch = stored.shape[0] // 3
    for index in set(range(40)) - set(documents.DEAD):
        y, x = index // 16 * pitch, index % 16 * 8
        np.testing.assert_array_equal(stored[y : y + 7, x : x + 7], tiles[index])
    for index in documents.DEAD:
        assert (stored[:7, index * 8 : index * 8 + 7] == 255).all()


def test_a_pdf_stores_an_image_once():
    sections = [documents.section(index, documents.maps()) for index in range(30)]
    document = pdf(documents.document(*sections))
    stored = {
        one.idnum
        for page in document.pages
        for one in page["/Resources"]["/XObject"].values()
        if one.get_object()["/Height"] > 1
    }
    assert len(document.pages) > 2
    assert len(stored) == 1


def test_a_pdf_writes_any_name():
    document = pdf(HOSTILE)
    text = "\n".join(page.extract_text() for page in document.pages)
    assert "conv <&>" in text
    assert "\u0441\u043e\u0431\u0430\u043a\u0430 <b>&amp; \u043a\u043e\u0442" in text
    assert "\u202e" not in text
    assert any("DejaVu" in font for font in fonts(document))


def test_latin_text_needs_no_embedded_font():
    assert fonts(pdf(alone("maps"))) <= {"/Helvetica", "/Helvetica-Bold"}


# SVG.


def test_an_svg_is_well_formed_and_holds_its_words():
    tree = ET.fromstring(to_svg(HOSTILE, MANIFEST))
    assert tree.findtext(f"{SVG}title") == HOSTILE.name.replace("\u202e", "\ufffd")
    assert "Layers: layer_0." in (tree.findtext(f"{SVG}desc") or "")
    assert json.loads(tree.findtext(f"{SVG}metadata") or "") == json.loads(MANIFEST)
    texts = [one.text for one in tree.iter(f"{SVG}text")]
    assert "conv <&>" in texts
    assert {str(number) for number in range(40)} <= set(texts)
    assert "pixelated" in (tree.findtext(f"{SVG}style") or "")


def test_an_svg_embeds_a_mosaic_bit_by_bit():
    made = alone("maps")
    images = embedded(to_svg(made, "{}").decode())
    (image,) = [one for one in images if one.height > 1]
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mosaic(made).pixels)


def embedded(text):
    found = re.findall(r'href="data:image/png;base64,([^"]*)"', text)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_an_svg_of_several_pages_is_refused():
    with pytest.raises(UsageError, match=r"SVG holds one page and this view has \d+: choose one"):
        to_svg(WHOLE, MANIFEST)


# PNG.


def test_a_png_draws_a_pixel_as_a_square():
    made = alone("maps")
    (page,) = paginate(made, SCREEN)
    drawn = next(item for item in page.items if isinstance(item, Picture) and len(item.pixels) > 1)
    image = np.asarray(draw(page))
    zoom = round(drawn.width * 2 / drawn.pixels.shape[1])
    assert zoom == 10
    x, y = round(drawn.x * 2), round(drawn.y * 2)
    tiles = np.asarray(documents.maps().pixels)
    pitch = drawn.pixels.shape[0] // 3
    for index in set(range(40)) - set(documents.DEAD):
        row, column = divmod(index, 16)
        left, top = x + column * 8 * zoom, y + row * pitch * zoom
        tile = image[top : top + 7 * zoom, left : left + 7 * zoom]
        np.testing.assert_array_equal(tile[::zoom, ::zoom], documents.VIRIDIS[tiles[index]])
        blocks = tile.reshape(7, zoom, 7, zoom, 3)
        assert (blocks == blocks[:, :1, :, :1]).all()


def test_a_png_says_what_it_is():
    image = Image.open(io.BytesIO(to_png(alone("maps"), MANIFEST)))
    image.load()
    assert image.text["Title"] == WHOLE.name
    assert image.text["Description"] == WHOLE.caption
    assert image.text["Software"] == f"layersight {__version__}"
    assert json.loads(image.text["layersight"]) == json.loads(MANIFEST)


def test_a_png_that_is_too_large_is_refused_before_it_is_drawn():
    huge = dataclasses.replace(documents.one_map(), pixels=np.zeros((17000, 20000), np.uint8))
    made = documents.document(documents.section(0, huge))
    with pytest.raises(OutputError, match=r"pixels is too large: expected at most 300 megapixels"):
        to_png(made, "{}")


# Figures.


def test_every_picture_of_a_figure_has_its_own_axes():
    made = alone("patterns")
    figure = to_figure(made)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    tiles = np.asarray(documents.patterns().pixels)
    drawn = [image for image in shown if image is not None and image.shape[:2] == (24, 24)]
    assert len(drawn) == 9
    np.testing.assert_array_equal(drawn[0], tiles[0])
    words = {text.get_text() for text in figure.texts}
    assert {"layer_0", "failed", "91%", *made.captions} <= words
    FigureCanvasAgg(figure).draw()
    tall = figure.get_size_inches()[1]
    for axes in figure.axes:
        box = axes.get_position()
        assert 0 <= box.y0 < box.y1 <= 1
        assert box.height * tall > 0


def test_a_figure_draws_dollar_signs_as_they_are():
    made = documents.document(documents.section(0, documents.maps()), name="$x$ and $y$.png")
    FigureCanvasAgg(to_figure(made)).draw()


# Animations.


@pytest.mark.parametrize("write", [to_gif, to_webp])
def test_the_frames_of_an_animation_have_one_layout(tmp_path, write):
    made = [
        documents.document(documents.section(0, documents.patterns(count))) for count in (4, 3, 5)
    ]
    path = tmp_path / f"x.{write.__name__.removeprefix('to_')}"
    path.write_bytes(write(made, '{"schema": 1}'))
    image = Image.open(io.BytesIO(path.read_bytes()))
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        frames.append(frame.convert("RGB"))
        durations.append(frame.info["duration"])
    assert len(frames) == 3
    assert len({frame.size for frame in frames}) == 1
    assert durations[-1] > durations[0]
    assert read_manifest(path) == {"schema": 1}


@pytest.mark.parametrize("write", [to_gif, to_webp])
def test_an_animation_needs_frames(write):
    with pytest.raises(UsageError, match="at least one frame"):
        write([], "{}")


# All of them.


@pytest.mark.parametrize("write", [to_pdf, to_png, to_svg])
@pytest.mark.parametrize(
    "make", [lambda: alone("maps"), lambda: alone("heatmaps"), lambda: HOSTILE]
)
def test_the_same_twice_is_the_same_bytes(write, make):
    assert write(make(), MANIFEST) == write(make(), MANIFEST)


def golden(name, data):
    path = GOLDEN / name
    if os.environ.get("LAYERSIGHT_WRITE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        path.write_bytes(data)
    return path.read_bytes()


def without_text(page):
    """Glyphs differ from one FreeType to the next; pictures and boxes must not."""
    kept = tuple(item for item in page.items if isinstance(item, Picture | Box))
    return dataclasses.replace(page, items=kept)


@pytest.mark.parametrize("name", documents.BLOCKS)
def test_golden_pictures(name):
    (page,) = paginate(alone(name), SCREEN)
    image = draw(without_text(page))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    expected = Image.open(io.BytesIO(golden(f"{name}.png", file.getvalue())))
    np.testing.assert_array_equal(pixels(expected), pixels(image))


def pixels(image):
    return np.asarray(image.convert("RGB"))


def test_golden_svg():
    drawn = to_svg(alone("maps"), "{}").decode()
    expected = golden("maps.svg", drawn.encode()).decode()
    # The embedded images are compared by their pixels: zlib may pack them otherwise.
    data = re.compile(r'href="data:[^"]*"')
    assert data.sub("", drawn) == data.sub("", expected)
    for one, two in zip(embedded(drawn), embedded(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
