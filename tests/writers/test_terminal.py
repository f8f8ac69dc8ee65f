"""What a terminal is told."""

import re

import numpy as np
import pytest

import documents
from layersight.document.blocks import (
    Cell,
    Column,
    Cover,
    Curve,
    Document,
    Facts,
    Note,
    Numbers,
    Part,
    Section,
    Series,
    Table,
    Tile,
)
from layersight.writers.terminal import to_text
from writers.test_html import grid_of, hostile

RED = "\x1b[31m"


@pytest.mark.parametrize("name", documents.BLOCKS)
def test_every_block_is_said(name):
    text = to_text(documents.document(documents.section(0, *documents.BLOCKS[name])), width=80)
    silent = name == "dots"  # its numbers are those of a table
    assert text.splitlines()[-1].startswith("5 layers") == silent


def test_nothing_acts_on_the_terminal():
    name = f"conv{RED}\x07\u202e\nb"
    tile = Tile(label=name, value=name, facts=((name, name),))
    numbers = (Numbers(name, np.zeros(1, np.float32)),)
    blocks = (
        Note((name,), name),
        Table((Column(name),), ((Cell(name, note=name),),), name),
        grid_of(np.zeros((1, 2, 2), np.uint8), tiles=(tile,), numbers=numbers, unit=name),
    )
    document = Document(name, name, (name,), (Part((Section(name, blocks, name, name),)),))
    for colour in (False, True):
        text = to_text(document, colour=colour)
        assert not re.findall("[\x07\u202e]", text)
        assert RED not in text
        assert "conv\\u001b[31m\\u0007\\u202e\\u000ab" in text
    assert "\x1b" not in to_text(document)
    assert "\x1b" in to_text(document, colour=True)


def test_markup_in_names_is_text():
    assert "[red]x[/red]" in to_text(documents.document(title="[red]x[/red]", name=":smile:"))
    to_text(hostile(), width=40)


def test_no_line_is_longer_than_the_terminal():
    for width in (50, 80, 120):
        lines = to_text(documents.whole(), width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert all(line == line.rstrip() for line in lines)


def test_what_is_piped_is_not_broken():
    words = "word " * 100
    assert words.strip() in to_text(documents.document(documents.section(0, Note((words,)))))


def test_a_wide_table_stands_in_parts_with_its_names():
    columns = (Column("method"), *(Column(f"metric {index}", "right") for index in range(9)))
    rows = tuple(
        (Cell(name), *(Cell(f"{index}.{index:07d}") for index in range(9)))
        for name in ("Grad-CAM", "Gradient")
    )
    document = documents.document(documents.section(0, Table(columns, rows)))
    text = to_text(document, width=60)
    assert text.count("Grad-CAM") == 3
    for index in range(9):
        assert text.count(f"metric {index}") == 1
        assert text.count(f"{index}.{index:07d}") == 2
    assert to_text(document).count("Grad-CAM") == 1


def test_tables_and_facts():
    lines = to_text(documents.document(documents.section(0, documents.layers(3)))).splitlines()
    assert lines[6:] == [
        "Layers",
        "                                                dead",
        "   name          type        output  of its channels  zeros",
        "1  layer_0       Conv2D  7 \u00d7 7 \u00d7 40           0 / 40    65%",
        "2  layer_1       Conv2D  7 \u00d7 7 \u00d7 40         1 / 40 *    65%",
        "3  layer_2 conv  Conv2D  7 \u00d7 7 \u00d7 40           2 / 40    65%",
        "Bold: the most. (*: bold.)",
    ]


def test_pictures_are_a_line_of_words():
    grid = documents.maps(dead=documents.DEAD)
    text = to_text(documents.document(documents.section(0, grid, documents.one_map())))
    assert "40 channels of 7 \u00d7 7, 2 dead, 1 not a" in text
    assert "picture, -1 to 2, the map of channel 3" in text


def test_layers_of_a_table_are_not_told_again():
    document = documents.document(
        documents.section(0, documents.maps()),
        documents.section(1, documents.facts()),
        cover=(documents.layers(2),),
    )
    text = to_text(document)
    assert text.count("layer_0") == 1
    assert text.count("layer_1") == 2
    assert "40 channels" not in text


def test_numbers_of_tiles_are_a_table():
    tiles = (
        Tile("0", value="2", rising=True, facts=(("aim", "mean"), ("ended", "late"))),
        Tile("1", cover=Cover("dead", ("dead",)), facts=(("aim", "mean"), ("ended", "soon"))),
    )
    numbers = (
        Numbers("reached", np.array([2, 0], np.float32)),
        Numbers("kept", np.array([0.5, np.nan], np.float32), percent=True),
    )
    grid = grid_of(np.zeros((2, 9, 9, 3), np.uint8), tiles=tiles, numbers=numbers, unit="pattern")
    text = to_text(documents.document(documents.section(0, grid)))
    assert text.splitlines()[-3:] == [
        "pattern  reached  kept  ended",
        "0 ↗            2   50%  late",
        "1              0        soon",
    ], "what is the same for all is left out"


def test_a_curve_is_a_line():
    curve = Curve((Series(np.array([0, 1, 2, 7], np.float32), name="zeros"),), "Depth")
    text = to_text(documents.document(documents.section(0, curve)))
    assert text.splitlines()[-2:] == ["Depth", "  ▁▂▃█  zeros, 0 to 7"]


def test_bold_facts_have_no_star():
    facts = Facts((("images", Cell("99", bold=True)),))
    assert "*" not in to_text(documents.document(documents.section(0, facts)))
