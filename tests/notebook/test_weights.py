"""Kernels in notebooks and as figures."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from layersight.errors import SelectionError, UsageError
from layersight.notebook.weights import LAYERS_SHOWN, ROWS_SHOWN, TILES_SHOWN
from layersight.render.kernels.tile import by_sign, coloured
from weights import HOSTILE, everything, layer, weights


def test_a_fragment_shows_the_layers_and_their_kernels() -> None:
    text = everything()._repr_html_()
    assert text.startswith('<div class="layersight">')
    assert text.count("<img ") == text.count("<details") == 4
    assert "DepthwiseConv2D" in text
    assert "10 kernels of colour" in text
    assert "a note" in text
    assert "mid grey is 0" in text
    assert "Shown:" not in text
    (first, *_) = re.findall(r'src="data:image/png;base64,([^"]*)" width="(\d+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(first[0]))) as image:
        assert image.width == pytest.approx(1.5 * int(first[1]), abs=1)
    assert everything()._repr_png_() is None


def test_names_of_strangers_stay_text() -> None:
    text = weights(layer((3, 3, 3, 2), HOSTILE), name=HOSTILE)._repr_html_()
    assert "<script" not in text
    assert "<b>&\u202e" not in text


def test_what_a_fragment_leaves_out_is_said() -> None:
    layers = [layer((1, 1, 3, 1), f"conv{number}") for number in range(LAYERS_SHOWN)]
    text = weights(*layers, layer((1, 1, 3, 1), "last"))._repr_html_()
    assert "kernels of the first 6 of 7 layers" in text
    assert "the first filters" not in text
    assert text.count("<details") == LAYERS_SHOWN
    text = weights(layer((1, 1, 3, TILES_SHOWN + 1)))._repr_html_()
    assert f"{TILES_SHOWN} kernels of conv" in text
    assert "the first filters of each layer" in text
    assert f"{ROWS_SHOWN} kernels of conv" in weights(layer((1, 1, 4, 40)))._repr_html_()


def words(figure: object) -> list[str]:
    found = [axes.get_title("left") for axes in figure.axes]  # type: ignore[attr-defined]
    found += [text.get_text() for axes in figure.axes for text in axes.texts]  # type: ignore[attr-defined]
    return [*found, figure._supxlabel.get_text()]  # type: ignore[attr-defined]


def test_a_figure_shows_every_layer() -> None:
    figure = everything().plot(columns=5)
    told = words(figure)
    assert len(figure.axes) == 8  # with their colour bars
    assert told.count("zero") == told.count("not a\nnumber") == 4
    assert "0\n\u00b11" in told
    assert any(word.startswith("colour  Conv2D   3 \u00d7 3 \u00d7 3\n10 filters") for word in told)
    assert any(re.fullmatch(r"\d+%", word) for word in told)
    assert any(re.fullmatch(r"[+\u2212]\d+", word) for word in told)
    figure.savefig(io.BytesIO(), format="png", dpi=40)


@pytest.mark.parametrize("inputs", [1, 3])
def test_a_figure_holds_the_weights_in_their_colours(inputs: int) -> None:
    entry = layer((3, 3, inputs, 2))
    (picture,) = weights(entry).plot().axes[0].get_images()
    sheet = np.asarray(picture.get_array())
    values = entry.values[..., 0]
    wanted = coloured(values, 1.0) if inputs == 3 else by_sign(values[..., 0], 1.0)
    np.testing.assert_array_equal(sheet[:12:4, :12:4], wanted)
    np.testing.assert_array_equal(sheet[3:12:4, 3:12:4], wanted)


def test_a_figure_of_one_layer_or_filter() -> None:
    made = everything()
    assert len(made.plot(layer="many").axes) == 2
    assert "4" in words(made.plot(layer="colour", channel=4))
    with pytest.raises(SelectionError, match="no kernel of layer cony, filter any here: there are"):
        made.plot(layer="cony")
    with pytest.raises(SelectionError, match="no kernel of layer many, filter 99"):
        made.plot(layer="many", channel=99)
    with pytest.raises(UsageError, match="no option 'colum' of a picture: expected columns"):
        made.plot(colum=3)


def test_showing_kernels_imports_no_matplotlib() -> None:
    code = (
        "import sys; from weights import everything; everything()._repr_html_();"
        "assert 'matplotlib' not in sys.modules, 'imported'"
    )
    folder = str(__file__).rsplit("/", 2)[0]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
