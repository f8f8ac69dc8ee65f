"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Path:
    """The folder with real models and images, named by ``CONVLENS_DATA``."""
    folder = os.environ.get("CONVLENS_DATA")
    if not folder:
        pytest.skip("CONVLENS_DATA names no folder with real models and images")
    return Path(folder)
