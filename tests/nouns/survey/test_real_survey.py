"""A survey of the cats-and-dogs network against plain NumPy over stored activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import layersight
from layersight.nouns.survey.bins import ERROR
from layersight.nouns.survey.dataset import Dataset, open_dataset
from layersight.nouns.survey.result import PERCENTILES

COUNT, TOP = 96, 7


def test_the_numbers_are_those_of_stored_activations(data: Path) -> None:
    model = layersight.load_model(data / "models" / "cats_dogs_150.h5")
    every = open_dataset(data / "cats_dogs")
    data_set = Dataset(every.items[:: len(every) // COUNT][:COUNT], every.classes)
    result = layersight.survey(model, data_set, top=TOP)
    assert sum(result.class_images) == COUNT
    paths = [Path(item.location) for item in data_set.items]
    stored = layersight.activations(model, paths, layers=list(result), batch_size=32)
    names = np.array([item.name for item in data_set.items])
    dogs = np.array([item.label == "dogs" for item in data_set.items])
    for name, entry in result.items():
        maps = stored[name].reshape(COUNT, -1, entry.channels)
        exact = maps.astype(np.float64)
        each = exact.reshape(-1, entry.channels)
        np.testing.assert_allclose(entry.mean, each.mean(0), rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(entry.std, each.std(0), rtol=1e-5, atol=1e-12)
        np.testing.assert_array_equal(entry.min, maps.min((0, 1)))
        np.testing.assert_array_equal(entry.max, maps.max((0, 1)))
        np.testing.assert_array_equal(entry.sparsity, (each == 0).mean(0))
        peaks, means = maps.max(1), exact.mean(1)
        np.testing.assert_array_equal(entry.firing, (peaks > 0).mean(0))
        order = np.argsort(-peaks, axis=0, kind="stable")[:TOP].T
        strongest = np.array(result.names)[entry.strongest.images]
        np.testing.assert_array_equal(strongest, names[order])
        np.testing.assert_array_equal(
            entry.strongest.activations, np.take_along_axis(peaks.T, order, 1)
        )
        order = np.argsort(peaks, axis=0, kind="stable")[:TOP].T
        np.testing.assert_array_equal(np.array(result.names)[entry.weakest.images], names[order])
        for histogram, values in ((entry.peaks, peaks), (entry.means, means)):
            shares = np.array(PERCENTILES) / 100
            wanted = np.quantile(values, shares, axis=0, method="lower").T
            off = np.abs(histogram.percentiles - wanted)
            assert np.all(off <= (ERROR + 1e-6) * np.abs(wanted) + 2.0**-40)
        for members, number in ((~dogs, 0), (dogs, 1)):
            np.testing.assert_allclose(
                entry.class_means[number], means[members].mean(0), rtol=1e-5, atol=1e-12
            )
    np.testing.assert_array_equal(
        result["conv2d"].dead, stored["conv2d"].max((0, 1, 2)) == stored["conv2d"].min((0, 1, 2))
    )
