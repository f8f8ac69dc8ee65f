"""Each kind of result as a page, a picture, words and a cell of a notebook."""

from dataclasses import replace

import numpy as np
import pytest

import maps
import surveys
from documents import document, layers, section, whole
from evaluations import columns, evaluation, rows
from galleries import gallery
from heats import heats
from layersight.data.model import LayerInfo
from layersight.data.prediction import predict
from layersight.document.blocks import Grid, Part, Table
from layersight.document.noun import load_noun, noun_of
from layersight.document.words import model_facts, output_size
from layersight.errors import UsageError
from layersight.export.files import to_bytes
from layersight.nouns.summary.noun import NOUN as SUMMARY
from layersight.writers.html import to_html
from layersight.writers.pages import paginate
from layersight.writers.sketch import PAPER, SCREEN
from layersight.writers.terminal import to_text
from weights import everything
from writers.pages import Page

KINDS = {
    "activations": lambda: maps.result({"conv": maps.smooth((8, 8, 4))}),
    "patterns": lambda: gallery({"conv": 3}, dead=()),
    "kernels": everything,
    "heatmaps": lambda: heats(images=1),
    "evaluation": lambda: evaluation(methods=rows("grad-cam"), measures=columns("deletion")),
    "summary": lambda: maps.small_network().model,
    "image": lambda: maps.photo("dog.1100.jpg"),
    "survey": surveys.result,
    "channel": surveys.channel,
}
SUFFIXES = (".pdf", ".png", ".svg", ".html")
BEGIN = {".pdf": b"%PDF-", ".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_shows_itself_in_a_notebook(kind):
    result = KINDS[kind]()
    page = Page(result._repr_html_())
    assert noun_of(result) is load_noun(kind)
    assert not page.all("script")
    model = getattr(result, "model", result)
    assert model.name in page.words
    assert page.all("img") or page.all("i", "pic") or page.all("table")


def written(result, suffix, **options):
    noun = noun_of(result)
    return to_bytes(result, suffix, noun.options(**options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_is_a_file_of_each_format(kind, suffix):
    one_page = {"activations": {"view": "grid"}, "survey": {"view": "layers"}}
    options = one_page.get(kind, {}) if suffix == ".svg" else {}
    made = written(KINDS[kind](), suffix, **options)
    assert made.lower().startswith(BEGIN[suffix].lower())


def test_an_image_is_plotted_with_its_own_pixels():
    image = maps.photo(size=32)
    drawn = [np.asarray(axes.images[0].get_array()) for axes in image.plot().axes]
    assert any(np.array_equal(each, image.pixels) for each in drawn)


def empty():
    return replace(maps.small_network().model, layers=())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_model_without_layers_is_written(suffix):
    assert written(empty(), suffix)


def test_a_table_or_grid_without_anything_is_left_out():
    nothing = replace(layers(1), rows=())
    assert isinstance(nothing, Table)
    shown = document(section(0, nothing), section(1, layers(2)))
    assert len(paginate(shown, PAPER)) == 1
    assert len(paginate(document(section(0, nothing)), SCREEN)) == 1


def test_an_output_of_one_number_for_each_image_is_told():
    ((one,),) = predict({"top": np.float32([0.25])}, None)
    assert one.describe() == "output 0.25"
    assert one.top
    assert output_size(LayerInfo("top", "Reshape", (None,))) == "1"


def test_a_model_of_unknown_inputs_says_nothing_of_them():
    assert "input" not in model_facts(replace(empty(), inputs=()))[1]


def test_a_grid_without_a_title_may_stand_on_a_cover():
    known = whole()
    grid = next(block for block in known.parts[0].sections[0].blocks if isinstance(block, Grid))
    shown = replace(known, parts=(Part("", (replace(grid, title=""),), ()),))
    assert to_html(shown, "{}")


def test_a_view_of_several_pages_says_what_an_svg_could_hold():
    many = tuple(LayerInfo(f"conv_{n}", "Conv2D", (None, 4, 4, 2)) for n in range(120))
    info = replace(empty(), layers=many)
    with pytest.raises(UsageError, match=r"has \d+: write \.pdf or \.html$"):
        written(info, ".svg")


def test_pictures_are_told_width_first():
    image = maps.photo(size=32)
    words = to_text(SUMMARY.describe(maps.small_network().model, SUMMARY.options()))
    assert words
    wide = replace(image, pixels=np.zeros((20, 50, 3), np.uint8))
    noun = noun_of(wide)
    assert "50 \N{MULTIPLICATION SIGN} 20 pixels" in to_text(noun.describe(wide, noun.options()))
