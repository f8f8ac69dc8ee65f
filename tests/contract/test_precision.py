"""Mixed precision on every backend: as good, and given back."""

import keras
import models
import numpy as np
import pytest

from layersight import patterns
from layersight.frameworks.keras.ascent.session import mixed_precision
from layersight.loading import load_model


@pytest.mark.parametrize("live", [models.any_size, models.nested, models.subclassed])
def test_mixed_precision_reaches_as_much_and_is_given_back(live):
    live = models.randomise(live())
    model = load_model(live)
    layer = [entry.name for entry in model.info.layers if entry.type == "Conv2D"][-1]
    policies = [inner.dtype_policy for inner in live._flatten_layers()]
    options = {"steps": 24, "size": (16, 16)}
    plain = patterns(model, layer, **options)
    mixed = patterns(model, layer, precision="mixed", **options)
    assert [inner.dtype_policy for inner in live._flatten_layers()] == policies
    assert not np.array_equal(mixed.history, plain.history, equal_nan=True)
    alive = ~plain.dead
    assert np.array_equal(mixed.dead, plain.dead)
    assert mixed.activation[alive].mean() == pytest.approx(plain.activation[alive].mean(), rel=0.1)
    image = mixed.values[alive][0]
    expected = activations_of(model, layer, image)[..., np.flatnonzero(alive)[0]].mean()
    assert mixed.activation[alive][0] == pytest.approx(expected, rel=1e-4)  # in float32


def activations_of(model, layer, image):
    (entry,) = model.info.inputs
    return model.forward({entry.name: image[None]}, [layer]).layers[layer][0]


def test_the_precision_is_given_back_if_something_goes_wrong_and_shared_until_then():
    live = keras.Sequential([keras.Input((8, 8, 3)), models.conv(2, "conv")])
    dtypes = []

    def climb():
        with mixed_precision([live]):
            with mixed_precision([live]):
                dtypes.append(live.layers[0].compute_dtype)
            dtypes.append(live.layers[0].compute_dtype)
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        climb()
    assert dtypes == ["bfloat16", "bfloat16"]
    assert live.layers[0].compute_dtype == "float32"


def test_layers_of_another_precision_keep_it():
    own = keras.layers.Conv2D(2, 3, dtype="float16", name="own")
    live = keras.Sequential([keras.Input((8, 8, 3)), own, models.conv(2, "conv")])
    with mixed_precision([live]):
        assert [layer.compute_dtype for layer in live.layers] == ["float16", "bfloat16"]
