"""Activations made by hand, with everything in them that a file has to hold."""

from functools import partial
from pathlib import Path

import numpy as np

from described import model_info
from galleries import gallery
from heats import heats
from layersight.data.image import InputImage
from layersight.data.model import InputInfo, LayerInfo
from layersight.data.prediction import ClassScore, Prediction
from layersight.data.preprocessing import SCALES
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.activations.statistics import measure, measure_range

NASTY = 'a/b (c)\\d "e" <f> & é 漢 \udcff}'
"""A name with whatever a file format gives a meaning to."""


def image(name="cat.png", seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    scale = SCALES["0..1"]
    return InputImage(
        name, Path(name), (90, 80), pixels, scale.apply(pixels), scale, ("resized", "cropped")
    )


def layer(name, values, kind="Conv2D", **known):
    channels = known.pop("channels", tuple(range(values.shape[-1])))
    info = LayerInfo(name, kind, (None, *values.shape[1:-1], max(channels) + 1), **known)
    return LayerActivation(info, values, channels, measure(values), *measure_range(values))


def make(count=1, *, names=None, broken=False, **known):
    """Layers of every rank; of the first, channel 0 is dead and channel 1 all zeros."""
    draw = np.random.default_rng(5)
    conv = draw.normal(0, 1, (count, 8, 9, 5)).astype(np.float32)
    conv[..., 0], conv[..., 1] = 0.25, 0
    if broken:
        conv[:, 0, 0, 2], conv[..., 3], conv[..., 4] = np.nan, np.inf, -np.inf
    vector = draw.random((count, 3), np.float32)
    images = [image(name, seed) for seed, name in enumerate(names or ["cat.png"] * count)]
    scores = (ClassScore(1, float("nan") if broken else 0.75, "cat"), ClassScore(0, 0.25))
    return Activations(
        model=model_info(
            **{
                "inputs": (InputInfo("picture", (None, 8, 9, 3)),),
                "rewrites": ("input-layer: an input layer was added",),
                **known,
            }
        ),
        images=tuple(images),
        layers=(
            layer("conv", conv, kernel=(3, 3)),
            layer("body/pool", conv[:, ::2, ::2, 2:4].copy(), "MaxPooling2D", channels=(2, 3)),
            layer("line", draw.random((count, 7, 3), np.float32), "Conv1D"),
            layer("volume", draw.random((count, 2, 4, 4, 3), np.float32), "Conv3D"),
            layer("top", vector, "Dense"),
        ),
        predictions=tuple((Prediction("top", 3, scores),) for _ in range(count)),
        notes=("a note",),
    )


RESULT = make()
"""One image."""


def everything(folder):
    """All files below a folder with their bytes; ``None`` for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


rich_heats = partial(
    heats,
    images=2,
    methods=("grad-cam", "occlusion"),
    targets=2,
    measured=True,
    warned=["occlusion"],
    empty=(2,),
)
rich_patterns = partial(gallery, {"conv": 3, "body/top": 2}, natural=True, masks=True, frames=3)
