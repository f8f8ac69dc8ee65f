"""The predictions of a model, with the names of classes where they are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.prediction import PROBABILITY, ClassScore, Prediction

TOP = 5  # how many classes a prediction names


def predict(
    outputs: Mapping[str, FloatArray],
    labels: tuple[str, ...] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> tuple[tuple[Prediction, ...], ...]:
    """For each image a prediction for each output; those that are not vectors name no class.

    Args:
        outputs: For each output its values, ``(image, ...)``.
        labels: The names of the classes, used for outputs of as many numbers.
        kinds: What the numbers of each output mean, by ``kinds_of``.

    Example:
        >>> made = predict({"top": np.array([[0.25, 0.75]], np.float32)}, ("cat", "dog"))
        >>> made[0][0].describe()
        'dog 0.75, cat 0.25'
    """
    if not outputs:
        return ()
    count = len(next(iter(outputs.values())))
    return tuple(
        tuple(
            _prediction(name, array[image], labels, (kinds or {}).get(name))
            for name, array in outputs.items()
        )
        for image in range(count)
    )


def _prediction(
    name: str, values: FloatArray, labels: tuple[str, ...] | None, kind: str | None
) -> Prediction:
    values = np.atleast_1d(values)
    finite = values[np.isfinite(values)]
    ends = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    shape = tuple(int(side) for side in values.shape)
    return Prediction(name, int(values.size), _top(values, labels, kind), kind, shape, *ends)


def _top(
    values: FloatArray, labels: tuple[str, ...] | None, kind: str | None
) -> tuple[ClassScore, ...]:
    """The greatest numbers of a vector."""
    if values.ndim != 1:
        return ()
    if len(values) == 1:
        return _one_number(float(values[0]), labels, kind)
    fitting = labels if labels is not None and len(labels) == len(values) else None
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:TOP]
    return tuple(
        ClassScore(int(index), float(values[index]), fitting[index] if fitting else None)
        for index in order
    )


def _one_number(
    score: float, labels: tuple[str, ...] | None, kind: str | None
) -> tuple[ClassScore, ...]:
    """A single unit: the probability of the second of two classes, if two are named."""
    if labels is None or len(labels) != 2 or not 0 <= score <= 1 or kind not in (None, PROBABILITY):
        named = labels is not None and len(labels) == 1
        label = labels[0] if labels is not None and named else None
        return (ClassScore(0, score, label or (None if kind else "output")),)
    pair = (ClassScore(1, score, labels[1]), ClassScore(0, 1 - score, labels[0]))
    return pair if score >= 0.5 else pair[::-1]
