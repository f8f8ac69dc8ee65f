"""The contract suite runs once for each backend, which ``KERAS_BACKEND`` names.

What is marked ``one_backend`` asks nothing of a backend (files, messages, documents) and runs on
PyTorch alone, which compiles nothing.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.initializers import random_initializers

sys.path.insert(0, str(Path(__file__).parent))


class Drawn:
    """Random numbers of NumPy for the first weights of the models that tests make.

    JAX compiles a program for each shape, half a second long, which was a fourth of the suite.
    """

    def __init__(self, own):
        self._own = own

    def __getattr__(self, name):
        return getattr(self._own, name)

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._draw(seed, dtype, lambda draw: draw.normal(mean, stddev, shape))

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._draw(
            seed, dtype, lambda draw: mean + stddev * draw.normal(size=shape).clip(-2, 2)
        )

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        return self._draw(seed, dtype, lambda draw: draw.uniform(minval, maxval, shape))

    def _draw(self, seed, dtype, values):
        number = seed if isinstance(seed, int) else np.asarray(seed.next())
        made = values(np.random.default_rng(number))
        return keras.ops.convert_to_tensor(made, dtype or keras.config.floatx())


if keras.backend.backend() == "jax":
    random_initializers.random = Drawn(random_initializers.random)


@pytest.fixture(scope="session")
def backend():
    """The backend that the suite runs on."""
    return str(keras.backend.backend())


def pytest_collection_modifyitems(config, items):
    if keras.backend.backend() != "torch":
        elsewhere = [item for item in items if item.get_closest_marker("one_backend")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker("one_backend")]
