"""Patterns in notebooks and as figures."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from layersight.notebook.gallery import LAYERS_SHOWN, PATTERNS_SHOWN
from PIL import Image

from galleries import HOSTILE, gallery, mixed
from layersight.errors import SelectionError, UsageError
from layersight.nouns.patterns.parts import only
from layersight.nouns.patterns.result import Patterns


def test_a_fragment_shows_the_patterns_with_their_numbers() -> None:
    made = gallery({"conv": 4, HOSTILE: 2}, natural=True)
    text = made._repr_html_()
    assert text.startswith('<div class="layersight">')
    assert "<script" not in text
    assert "<b>&\u202e" not in text
    assert text.count("<img ") == 5
    assert text.count("<figure ") == 6
    assert "dead 0" in text
    assert "conv, channel 2: activation 8.25, not converged: the last of 6 steps" in text
    assert "Method robust" in text
    assert "a note" in text
    assert "Shown:" not in text


def test_what_a_fragment_leaves_out_is_said() -> None:
    layers = {f"conv{number}": 1 for number in range(LAYERS_SHOWN + 1)}
    text = gallery({**layers, "conv0": PATTERNS_SHOWN + 1}, size=(4, 4))._repr_html_()
    assert f"of the first 6 of 7 layers, the first {PATTERNS_SHOWN} of each layer" in text
    assert text.count("<details") == LAYERS_SHOWN


def test_a_single_pattern_is_a_png() -> None:
    made = gallery()
    found = only(made, [2])._repr_png_()
    assert found is not None
    with Image.open(io.BytesIO(found)) as image:
        np.testing.assert_array_equal(np.asarray(image), made.images[2])
    assert only(made, [1])._repr_png_() is None
    assert made._repr_png_() is None


def words(figure: object) -> str:
    found = [axes.get_title("left") for axes in figure.axes]  # type: ignore[attr-defined]
    found += [text.get_text() for axes in figure.axes for text in axes.texts]  # type: ignore[attr-defined]
    return "\n".join([*found, figure._supxlabel.get_text()])  # type: ignore[attr-defined]


def test_a_figure_shows_a_grid_for_each_layer() -> None:
    made = gallery({"conv": 5, "top": 2}, natural=True)
    figure = made.plot(columns=3)
    assert len(figure.axes) == 2
    told = words(figure)
    for part in (
        "conv  Conv2D",
        "5 of 10 channels",
        "dead\n= 0",
        "8.25 \u2197\n75% kept\nimages 7",
    ):
        assert part in told
    assert "3.25\n75% kept" in told
    assert "Method robust" in told
    sheet = figure.axes[0].images[0].get_array()
    assert (sheet == np.asarray(made.images[0])[0, 0]).all(-1).any()
    figure.savefig(io.BytesIO())


def test_a_figure_of_one_pattern_shows_its_ascent() -> None:
    made = gallery(natural=True)
    for figure in (made.plot(channel=2), only(made, [2]).plot(), made.plot(view="pattern")):
        left, right = figure.axes
        assert len(right.lines) == 5
        figure.savefig(io.BytesIO())
    told = words(made.plot(channel=2))
    for part in ("conv, channel 2", "its mean over all positions", "reached 8.25, 75% kept"):
        assert part in told
    assert "strongest image" in told
    assert left.images[0].get_array().shape == (12, 12, 3)
    assert "dead\n= 0" in words(made.plot(channel=1))


@pytest.mark.parametrize(
    "made",
    [mixed(), gallery(facets=3, dead=(4,)), gallery(bands=1, size=(5, 30)), gallery(masks=True)],
)
@pytest.mark.parametrize("view", ["grid", "pattern"])
def test_whatever_they_are_there_is_a_figure(made: Patterns, view: str) -> None:
    made.plot(view=view).savefig(io.BytesIO())


def test_wrong_requests_are_told_in_words() -> None:
    made = gallery()
    with pytest.raises(SelectionError, match="no pattern of layer pool, channel any here: there"):
        made.plot(layer="pool")
    with pytest.raises(SelectionError, match="no pattern of layer any, channel 9 here"):
        made.plot(channel=9)
    with pytest.raises(UsageError, match="no option 'colum' of a picture: expected columns, view"):
        made.plot(colum=3)


def test_a_fragment_imports_no_matplotlib() -> None:
    code = (
        "import sys; from galleries import gallery; gallery()._repr_html_(); "
        "assert not [name for name in sys.modules if re.match('matplotlib|keras', name)]"
    )
    subprocess.run(
        [sys.executable, "-c", f"import re; {code}"],
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
