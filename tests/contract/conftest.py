"""The contract suite runs once for each backend, which ``KERAS_BACKEND`` names.

What is marked ``one_backend`` asks nothing of a backend (files, messages, documents) and runs on
PyTorch alone, which compiles nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def backend() -> str:
    """The backend that the suite runs on."""
    return str(keras.backend.backend())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if keras.backend.backend() != "torch":
        elsewhere = [item for item in items if item.get_closest_marker("one_backend")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if not item.get_closest_marker("one_backend")]
