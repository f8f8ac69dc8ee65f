"""The contract suite runs once for each backend, which ``KERAS_BACKEND`` names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def backend() -> str:
    """The backend that the suite runs on."""
    import keras

    return str(keras.backend.backend())
