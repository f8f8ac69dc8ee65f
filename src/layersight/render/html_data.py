"""The numbers of every channel as compact JSON inside a page.

The rule of this module: each number once, six significant digits, ``null`` where there is
none, and nothing that could end the element which holds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.tiles import Tiles
from layersight.render.html_sprites import Sprite
from layersight.render.html_text import size


def rounded(values: NDArray[np.floating[Any]]) -> list[float | int | None]:
    """Numbers with six significant digits, whole ones without a point, ``None`` for none.

    >>> rounded(np.array([0.123456789, 2.0, np.nan]))
    [0.123457, 2, None]
    """
    found: list[float | int | None] = []
    for value in values.tolist():
        if not math.isfinite(value):
            found.append(None)
            continue
        short = float(f"{value:.6g}")
        found.append(int(short) if short.is_integer() and abs(short) < 1e15 else short)
    return found


def image_numbers(
    entry: LayerActivation, image: int, tiles: Tiles, sprite: Sprite
) -> dict[str, Any]:
    """The numbers of one layer for one image."""
    place = {"columns": sprite.columns, "width": sprite.width, "height": sprite.height}
    broken = np.flatnonzero(tiles.broken).tolist()
    if tiles.form == "units":
        return {**place, "broken": broken, "values": rounded(entry.values[image].reshape(-1))}
    numbers = entry.statistics
    return {
        **place,
        "broken": broken,
        "dead": np.flatnonzero(tiles.dead).tolist(),
        "mean": rounded(numbers.mean[image]),
        "std": rounded(numbers.std[image]),
        "min": rounded(numbers.min[image]),
        "max": rounded(numbers.max[image]),
        "sparsity": rounded(numbers.sparsity[image]),
    }


def layer_numbers(
    entry: LayerActivation, form: str, images: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The numbers of one layer for all images."""
    return {
        "name": entry.name,
        "type": entry.layer.type,
        "form": form,
        "size": size(entry.values.shape[1:-1]) if form != "units" else "1",
        "channels": list(entry.channels),
        "images": list(images),
    }


def page_numbers(result: Activations, layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The numbers of all layers, with the names of the images."""
    return {"images": [image.name for image in result.images], "layers": list(layers)}
