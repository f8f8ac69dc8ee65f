"""The scale that a network's own statistics speak for, over a model of plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convlens.model import MovingStatistics
from convlens.preprocessing import SCALES, Preprocessing
from convlens.results import InputInfo
from convlens.verbs.activations import activations, load_image

PIXELS = np.random.default_rng(2).integers(0, 256, (12, 10, 3)).astype(np.uint8)


def normalised(
    network: Any, scale: str, channels: int = 3, preprocessing: Preprocessing | None = None
) -> Any:
    """A network whose first layer keeps the statistics of these pixels in a scale."""
    values = SCALES[scale].apply(PIXELS).reshape(-1, 3)
    means, variances = (np.resize(part, channels) for part in (values.mean(0), values.var(0)))
    return network(
        {
            "norm": ("BatchNormalization", lambda picture: picture),
            "conv": ("Conv2D", lambda picture: picture[..., :2]),
        },
        inputs=(InputInfo("picture", (None, 12, 10, channels), preprocessing=preprocessing),),
        kept=(MovingStatistics("norm", means, variances, ("picture",), None),),
    )


@pytest.mark.parametrize("scale", ["-1..1", "none", "caffe"])
def test_the_scale_that_the_statistics_speak_for(network: Any, scale: str) -> None:
    found = activations(normalised(network, scale), PIXELS)
    assert found.images[0].preprocessing.name == scale
    assert found.images[0].preprocessing.reason.startswith("the statistics kept by 'norm' fit")
    np.testing.assert_allclose(found["norm"][0], SCALES[scale].apply(PIXELS))
    assert load_image(PIXELS, normalised(network, scale)).preprocessing.name == scale


def test_what_the_user_or_the_model_says_comes_first(network: Any) -> None:
    model = normalised(network, "none")
    assert activations(model, PIXELS, scale="0..1").images[0].preprocessing.reason == "as asked"
    told = normalised(network, "none", preprocessing=SCALES["torch"].because("told", "model"))
    assert activations(told, PIXELS).images[0].preprocessing.reason == "told"


def test_a_float_array_is_taken_as_it_is(network: Any) -> None:
    values = PIXELS.astype(np.float32)
    found = activations(normalised(network, "-1..1"), values)
    np.testing.assert_array_equal(found["norm"][0], values)


def test_four_channels_are_not_judged_by_the_three_that_are_shown(
    network: Any, tmp_path: Path
) -> None:
    path = tmp_path / "glass.png"
    Image.fromarray(PIXELS).convert("RGBA").save(path)
    found = activations(normalised(network, "none", channels=4), path)
    assert found["norm"].shape == (1, 12, 10, 4)
    assert found.images[0].preprocessing.name == "0..1"
    assert found.images[0].pixels.shape == (12, 10, 3)
