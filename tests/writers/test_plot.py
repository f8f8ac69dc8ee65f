"""Figures of parts of results, chosen by keywords."""

import subprocess
import sys

import numpy as np
import pytest

from galleries import gallery
from heats import heats
from layersight.errors import SelectionError, UsageError
from maps import result, small_network, smooth
from weights import layer, weights


def words(figure):
    return {text.get_text() for text in figure.texts}


def test_activations_by_layer_and_channel():
    shown = small_network()
    assert {"conv", "pool", "signal"} <= words(shown.plot())
    one = words(shown.plot(layer="pool"))
    assert "pool" in one
    assert "conv" not in one
    assert "Channel 5" in words(shown.plot(channel=5))
    figure = shown.plot(layer="pool", channel=5)
    assert "pool, channel 5" in words(figure)
    drawn = [axes.images[0].get_array().shape for axes in figure.axes]
    assert (7, 7, 3) in drawn
    assert {"pool", "conv"} & words(shown.plot(channel=5, view="grid"))


def test_a_map_in_a_figure_has_its_own_pixels():
    values = np.arange(49, dtype=np.float32).reshape(7, 7, 1)
    (map_, *_) = result({"conv": values}).plot(channel=0, layer="conv").axes
    pixels = np.asarray(map_.images[0].get_array())
    assert pixels.shape == (7, 7, 3)
    assert len({tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}) > 40


def test_a_part_keeps_the_scale_of_its_whole_layer():
    values = np.arange(49, dtype=np.float32).reshape(7, 7, 1) * np.float32([1, 10])
    shown = result({"conv": values})
    assert {"0", "480"} <= words(shown.plot(layer="conv", channel=0, normalise="layer"))
    assert {"0", "48"} <= words(shown.plot(layer="conv", channel=0))


def test_kernels_patterns_and_heatmaps_by_their_parts():
    kernels = weights(layer((3, 3, 3, 4)), layer((3, 3, 3, 4), "b"))
    assert "b" in words(kernels.plot(columns=2))
    assert "b" not in words(kernels.plot(layer="conv", channel=2))
    patterns = gallery({"conv": 3, "top": 2}, dead=())
    assert "conv, channel 1" in words(patterns.plot(layer="conv", channel=1))
    assert "top" not in words(patterns.plot(layer="conv", columns=4))
    maps = heats(images=2, methods=("grad-cam", "gradient"))
    told = " ".join(words(maps.plot(image=1, method="gradient")))
    assert "photo1.jpg" in told
    assert "Grad-CAM" not in told


def test_a_part_that_is_not_there_is_told_with_what_is():
    for shown, asked, message in (
        (weights(layer((3, 3, 3, 4))), {"channel": 9}, "no kernel of filter 9 here: expected 0, 1"),
        (gallery(), {"layer": "convv"}, "no pattern of layer 'convv' here.*Did you mean conv"),
        (gallery(), {"channel": 9}, "no pattern of channel 9 here: expected 0, 1, 2, 3, 4"),
        (heats(), {"method": "rise"}, "no heatmap of method 'rise' here: expected grad-cam"),
        (heats(), {"image": 3}, "no heatmap of image 3 here: expected 0"),
    ):
        with pytest.raises(SelectionError, match=message):
            shown.plot(**asked)


def test_missing_parts_and_unknown_options_are_told():
    shown = result({"conv": smooth((7, 7, 4))})
    with pytest.raises(SelectionError, match="no image 1: the result holds 1"):
        shown.plot(image=1)
    with pytest.raises(SelectionError, match="no channel 9 with maps in layer 'conv' here"):
        shown.plot(layer="conv", channel=9)
    with pytest.raises(UsageError, match="unknown option 'colour'"):
        shown.plot(colour="red")


def test_a_figure_leaves_nothing_behind_in_pyplot():
    code = (
        "import sys; sys.path.insert(0, 'tests'); from maps import small_network; "
        "small_network().plot(); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_notebook_keeps_a_picture_of_a_single_map():
    single = heats()._repr_png_()
    assert single is not None
    assert single.startswith(b"\x89PNG")
    assert heats(targets=2)._repr_png_() is None
    assert small_network()._repr_png_() is None
