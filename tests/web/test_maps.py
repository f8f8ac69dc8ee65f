"""What is sent of a map shows what the map is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from layersight.data.model import LayerInfo
from layersight.errors import ModelInputError
from layersight.nouns.activations.result import LayerActivation
from layersight.nouns.activations.statistics import measure, measure_range
from layersight.web import maps
from layersight.web.maps import COLUMNS, PackedMaps, pack


def unpack(packed: PackedMaps) -> np.ndarray:
    """The values that a page reads from what is sent, ``(channel, height, width)``; NaN of none."""
    if packed.dtype == "f32":
        return np.asarray(packed.maps, np.float32)
    most = {"u8": 254, "u16": 65534}[packed.dtype]
    low, high = (packed.table[row][:, np.newaxis, np.newaxis] for row in (0, 1))
    values = low + packed.maps.astype(np.float64) * (high.astype(np.float64) - low) / most
    return np.where(packed.maps == most + 1, np.nan, values).astype(np.float32)


def entry(values: np.ndarray, name: str = "conv") -> LayerActivation:
    batch = np.asarray(values, np.float32)[np.newaxis]
    info = LayerInfo(name, "Conv2D", (None, *batch.shape[1:]))
    return LayerActivation(
        info, batch, tuple(range(batch.shape[-1])), measure(batch), *measure_range(batch)
    )


finite = st.floats(-(2.0**100), 2.0**100, width=32)
anything = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (3, 4, 2), elements=finite), st.booleans())
def test_every_value_is_right_to_a_step_of_its_map(values: np.ndarray, small: bool) -> None:
    packed = pack(entry(values), small=small)
    found = unpack(packed)
    steps = 254 if small else 65534
    for channel in range(2):
        own = values[..., channel].astype(np.float64)
        step = (own.max() - own.min()) / steps
        spare = 4 * np.spacing(np.abs(values).max())
        assert np.abs(found[channel] - own).max() <= 0.51 * step * (1 + 1e-3) + spare


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, (3, 3, 2), elements=anything), st.booleans())
def test_what_is_no_number_is_told_apart(values: np.ndarray, small: bool) -> None:
    packed = pack(entry(values), small=small)
    assert np.isfinite(packed.table[:2]).all()
    expected = np.isfinite(np.moveaxis(values, -1, 0))
    assert np.array_equal(np.isfinite(unpack(packed)), expected)


def test_statistics_are_those_of_the_layer() -> None:
    values = np.random.default_rng(1).normal(size=(5, 6, 3)).astype(np.float32)
    values[..., 1] = 0.25
    made = entry(values)
    table = dict(zip(COLUMNS, pack(made).table, strict=True))
    for name in ("mean", "std", "min", "max", "sparsity", "dead", "finite"):
        assert np.array_equal(table[name], getattr(made.statistics, name)[0].astype(np.float32))
    assert table["dead"].tolist() == [0, 1, 0]


def test_a_large_layer_is_sent_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=(5, 6, 3))
    assert pack(entry(values)).dtype == "u16"
    monkeypatch.setattr(maps, "LARGE", 80)
    assert pack(entry(values)).dtype == "u8"


def test_forms_of_layers() -> None:
    signal = np.arange(10, dtype=np.float32).reshape(5, 2)
    packed = pack(entry(signal))
    assert (packed.shape, packed.maps.shape) == ((1, 5), (2, 1, 5))
    np.testing.assert_allclose(unpack(packed)[1, 0], signal[:, 1], atol=1e-3)
    units = pack(entry(np.array([1.5, -2, 0])))
    assert (units.shape, units.dtype) == ((1, 1), "f32")
    assert units.maps.ravel().tolist() == [1.5, -2, 0]
    volume = np.arange(4 * 2 * 3 * 2, dtype=np.float32).reshape(4, 2, 3, 2)
    assert pack(entry(volume)).slice == (2, 4)
    np.testing.assert_allclose(unpack(pack(entry(volume), 1))[0], volume[1, ..., 0], atol=1e-3)
    with pytest.raises(ModelInputError, match="has 4 slices: there is no 4"):
        pack(entry(volume), 4)
    with pytest.raises(ModelInputError, match="along 5 axes"):
        pack(entry(np.zeros((2, 2, 2, 2, 2))))
