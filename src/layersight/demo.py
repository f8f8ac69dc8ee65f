"""The demonstration: a small network, a photograph of a cat, every picture of them.

Both are in the package, with a model card and the photograph's source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeVar

from layersight.atomic import fill_folder
from layersight.data.model import ModelInfo
from layersight.export.files import fill, to_bytes
from layersight.export.manifest import MANIFEST
from layersight.loading import load_model
from layersight.nouns.activations.compute import activations
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.nouns.heatmaps.compute import heatmap
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.patterns.compute import patterns
from layersight.nouns.patterns.request import GalleryOptions
from layersight.nouns.patterns.result import Patterns

LABELS = ("cat", "dog")
MODEL, PHOTOGRAPH = "cats_dogs.keras", "chelsea.png"
EXTRAS = (MODEL, PHOTOGRAPH, "MODEL_CARD.md", "chelsea.txt")
"""The network and the photograph, to play with, and their documentation; all go to the folder."""
HEAT, PATTERNS = "heatmap.png", "patterns.png"
"""The pictures of which pixels decided, and of what channels look for."""
SOUGHT, CHANNELS = "conv2d_1", "0:8"  # the layer and channels whose patterns are made
SIDE, STEPS = 64, 64  # the size and steps of patterns: enough to see them, and quickly done


@dataclass(frozen=True, eq=False, slots=True)
class Demo:
    """The results of the demonstration."""

    folder: Path
    result: Activations  # of every layer
    heat: Heatmaps  # which pixels decided
    patterns: Patterns  # what channels of a layer look for


def make_demo(
    folder: Path, *, backend: str | None = None, say: Callable[[str], None] = lambda text: None
) -> Demo:
    """Writes the demonstration into a folder; ``say`` is called with a line before each step."""
    assets = resources.files("layersight.assets.demo")
    # The folder comes first, so that an error there comes before the work.
    with resources.as_file(assets) as assets, fill_folder(folder, MANIFEST) as filled:
        say("opening a small cats-and-dogs network")
        model = load_model(assets / MODEL, backend=backend, labels=LABELS)
        say("showing it a photograph of a cat")
        cat = assets / PHOTOGRAPH
        result = _without_paths(activations(model, cat, fit="crop", scale="0..1", predictions=True))
        say("asking which pixels decided")
        heat = _without_paths(heatmap(model, cat, target=LABELS[0], fit="crop", scale="0..1"))
        say(f"looking for what channels of {SOUGHT} look for")
        gallery = patterns(model, SOUGHT, CHANNELS, scale="0..1", size=SIDE, steps=STEPS)
        gallery = dataclasses.replace(gallery, model=_anywhere(gallery.model))
        say("drawing every feature map of every layer")
        extras = {name: (assets / name).read_bytes() for name in EXTRAS}
        extras |= {
            HEAT: to_bytes(heat, ".png", HeatOptions()),
            PATTERNS: to_bytes(gallery, ".png", GalleryOptions(columns=8)),
        }
        fill(filled, result, PictureOptions(), extras)
    return Demo(folder, result, heat, gallery)


Shown = TypeVar("Shown", Activations, Heatmaps)


def _without_paths(result: Shown) -> Shown:
    """The result without the folder of the installation, so that it is the same everywhere."""
    images = tuple(dataclasses.replace(image, path=None) for image in result.images)
    return dataclasses.replace(result, model=_anywhere(result.model), images=images)


def _anywhere(info: ModelInfo) -> ModelInfo:
    return dataclasses.replace(info, source="cats_dogs.keras, in the package")
