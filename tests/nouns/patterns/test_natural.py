"""Natural images that patterns are compared with: only as many are kept as memory allows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from layersight import images
from layersight.data.ascent import PHASE, PIXELS
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.nouns.patterns import canvas


@pytest.mark.parametrize(("kept", "read"), [(0, 10), (2, 8), (9, 5)])
def test_natural_images_beyond_memory_are_read_again(tmp_path, monkeypatch, kept, read):
    shades = [10, 80, 120, 200, 250]
    for number, shade in enumerate(shades):
        Image.new("RGB", (6, 9), (shade, 0, 0)).save(tmp_path / f"{number}.png")
    loads, load = [], images.load
    monkeypatch.setattr(images, "load", lambda *a, **k: loads.append(a[0]) or load(*a, **k))
    monkeypatch.setattr(canvas, "MEMORY", kept * 4 * 5 * 3 * (1 + 4))
    entry = InputInfo("picture", (None, None, None, 3))
    natural = canvas.NaturalImages(entry, tmp_path, (4, 5), SCALES["-1..1"])
    assert len(natural) == 5
    seen = np.stack([*natural.canvases(PIXELS)])
    shown = np.stack([*natural.canvases(PHASE)])
    assert seen.shape == shown.shape == (5, 4, 5, 3)
    assert shown[:, 0, 0, 0] == pytest.approx(np.array(shades) / 255)
    np.testing.assert_allclose(seen, shown * 2 - 1, atol=1e-6)
    assert len(loads) == read
