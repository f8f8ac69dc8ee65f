"""Temporary random weights in place of learned ones.

After the cascading randomisation of Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS
2018. The rule of this module: whatever happens, the learned weights are restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from layersight.data.arrays import Array
from layersight.frameworks.graph.patches import give_back
from layersight.frameworks.keras.backends import to_numpy


@contextmanager
def randomised(layers: Sequence[keras.Operation], seed: int) -> Iterator[None]:
    """Replaces the weights of layers by random ones for the duration of the block.

    Weights with two axes or more are drawn from a normal distribution with their own mean and
    standard deviation; biases, scales and moving statistics are shuffled, so that variances stay
    positive.
    """
    random = np.random.default_rng(seed)
    seen: set[int] = set()
    learned: list[tuple[keras.Variable, Array]] = []
    try:
        for layer in layers:
            if not isinstance(layer, keras.Layer):
                continue
            for variable in layer.weights:
                if id(variable) in seen:
                    continue
                seen.add(id(variable))
                value = to_numpy(variable.value)
                if value.dtype.kind in "iub":
                    continue
                learned.append((variable, value.copy()))
                values = value.astype(np.float32)
                if values.ndim >= 2:
                    drawn = random.normal(values.mean(), values.std(), values.shape)
                else:
                    drawn = random.permutation(values)
                variable.assign(drawn.astype(np.float32).astype(value.dtype))
        yield
    finally:
        # Twice, since an interruption may come before the first has begun.
        try:
            give_back(learned, _restore)
        finally:
            give_back(learned, _restore)


def _restore(entry: tuple[keras.Variable, Array]) -> None:
    variable, value = entry
    variable.assign(value)
