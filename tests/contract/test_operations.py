"""Operations of TensorFlow by another name, against their formulas written out."""

import keras
import numpy as np
import pytest

from layersight.frameworks.keras.backends import to_numpy
from layersight.frameworks.keras.ops import SLICES, find_operation


@pytest.mark.parametrize("reach", [0, 2, SLICES + 1, 10**9])
def test_a_response_is_divided_by_those_of_its_neighbours(reach):
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 150)).astype("float32")
    operation = find_operation("nn.local_response_normalization")
    found = to_numpy(
        operation(keras.ops.convert_to_tensor(values), reach, bias=2.0, alpha=0.5, beta=0.75)
    )
    expected = np.empty_like(values, dtype="float64")
    for channel in range(150):
        near = values[..., max(0, channel - reach) : channel + reach + 1].astype("float64")
        expected[..., channel] = values[..., channel] / (2 + 0.5 * np.square(near).sum(-1)) ** 0.75
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("mode", ["EMPTY", "MEAN", "wrap", "edge", "linear_ramp", None, 3])
def test_only_paddings_of_tensorflow_are_computed(mode):
    """NumPy knows more, one of which takes what lies in memory."""
    pad, image = find_operation("pad"), keras.ops.ones((1, 2, 2, 1))
    with pytest.raises(ValueError, match="expected a padding CONSTANT, REFLECT or SYMMETRIC"):
        pad(image, [[0, 0], [1, 1], [0, 0], [0, 0]], mode)
