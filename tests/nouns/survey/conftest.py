"""Pictures that several tests of surveys share."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from layersight.nouns.survey import plan
from surveys import PICTURES


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """70 small pictures of two classes in folders, beside files that are none."""
    folder = tmp_path / "photos"
    for number, pixels in enumerate(PICTURES):
        path = folder / ("odd" if number % 2 else "even") / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture
def small_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "PASS", 8)
