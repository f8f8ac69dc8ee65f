"""Heatmaps in notebooks and as figures."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from layersight.notebook.heat import IMAGES_SHOWN, MAPS_SHOWN
from layersight.render.heatmaps.tile import make_tile
from PIL import Image

from heats import HOSTILE, WARNING, heats
from layersight.errors import SelectionError, UsageError
from layersight.nouns.heatmaps.colours import scale_of
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps

THREE = ("grad-cam", "gradient", "occlusion")


def test_a_fragment_shows_the_maps_with_their_scales() -> None:
    made = heats(methods=THREE, targets=2, names=[HOSTILE], empty=(1,), warned=["gradient"])
    text = made._repr_html_()
    assert text.startswith('<div class="layersight">')
    assert "<script" not in text
    assert "<b>&\u202e" not in text
    assert text.count("<figure ") == 7
    assert text.count("no evidence: all 0") == 2
    for place, entry in enumerate(made):
        if not entry.empty:
            for mark in scale_of(made, place, HeatOptions()).marks().values():
                assert f"<span>{mark}</span>" in text
    for part in (WARNING, "the last with maps", "Grad-CAM", "conv_2", "viridis"):
        assert part in text
    assert "Shown:" not in text


def test_measures_stand_in_the_table() -> None:
    text = heats(measured=True)._repr_html_()
    assert '<th scope="col">deletion</th>' in text
    assert "<td>0.21</td>" in text


def test_what_a_fragment_leaves_out_is_said() -> None:
    made = heats(images=IMAGES_SHOWN + 1, targets=5, methods=THREE, size=(4, 4), net=(4, 4))
    text = made._repr_html_()
    assert f"of the first 6 of 7 images, the first {MAPS_SHOWN} of each image" in text
    assert text.count("<details") == IMAGES_SHOWN


def test_a_single_map_is_a_png_with_its_scale() -> None:
    made = heats(size=(900, 2600))
    found = made._repr_png_()
    assert found is not None
    with Image.open(io.BytesIO(found)) as image:
        assert image.width < 4000
        assert "score 0.8" in image.text["Description"]
    assert heats(targets=2)._repr_png_() is None


def words(figure: object) -> str:
    found = [axes.get_title("left") for axes in figure.axes]  # type: ignore[attr-defined]
    found += [text.get_text() for axes in figure.axes for text in axes.texts]  # type: ignore[attr-defined]
    for axes in figure.axes:  # type: ignore[attr-defined]
        for child in axes.child_axes:
            found += [label.get_text() for label in child.get_xticklabels()]
    return "\n".join([*found, figure._supxlabel.get_text()])  # type: ignore[attr-defined]


def test_a_figure_of_one_map_has_three_pictures() -> None:
    made = heats(fit="crop")
    for figure in (made.plot(), heats(fit="crop", targets=2).plot(view="single")):
        axes = [one for one in figure.axes if one.images]
        assert len(axes) == 3
        tile = make_tile(made, 0, made.photographs[0], HeatOptions())
        np.testing.assert_array_equal(axes[0].images[0].get_array(), made.photographs[0].pixels)
        np.testing.assert_array_equal(axes[2].images[0].get_array(), tile.overlay())
        told = words(figure)
        for part in ("photo0.jpg\nphotograph", "dog\nscore 0.8", "layer conv_2", "pixels / 255"):
            assert part in told
        assert f"{scale_of(made, 0, HeatOptions()).marks()[1.0]}" in told
        figure.savefig(io.BytesIO())


def test_a_figure_of_several_maps_is_a_grid() -> None:
    made = heats(images=2, methods=THREE, targets=2, empty=(1,), warned=["gradient"])
    figure = made.plot(columns=3)
    assert len([one for one in figure.axes if one.images]) == 14
    told = words(figure)
    for part in ("Occlusion, bee\nscore 0.4", "Gradient, dog\nno evidence: all 0", WARNING):
        assert part in told
    assert len([one for one in made.plot(image=1).axes if one.images]) == 7
    assert len([one for one in made.plot(method="occlusion").axes if one.images]) == 6


def test_a_figure_of_a_map_of_zeros_says_so() -> None:
    figure = heats(empty=(0,)).plot()
    assert "no evidence: all 0" in words(figure)
    figure.savefig(io.BytesIO())


@pytest.mark.parametrize(
    "made",
    [
        heats(grey=True, methods=THREE),
        heats(size=(5, 90), targets=2),
        heats(fit="pad"),
        heats(size=(1, 1)),
        heats(names=["$a_b$.jpg"]),
    ],
)
def test_whatever_they_are_there_is_a_figure(made: Heatmaps) -> None:
    made.plot().savefig(io.BytesIO())


def test_wrong_requests_are_told_in_words() -> None:
    made = heats()
    with pytest.raises(SelectionError, match="no heatmap of image 3 by any method here: there are"):
        made.plot(image=3)
    with pytest.raises(SelectionError, match="no heatmap of image any by rise here"):
        made.plot(method="rise")
    with pytest.raises(UsageError, match="no option 'colour' of a picture: expected colormap"):
        made.plot(colour=3)


def test_a_fragment_imports_no_matplotlib() -> None:
    code = (
        "import sys; from heats import heats; heats()._repr_html_(); "
        "assert not [name for name in sys.modules if re.match('matplotlib|keras', name)]"
    )
    subprocess.run(
        [sys.executable, "-c", f"import re; {code}"],
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
