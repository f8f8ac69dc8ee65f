"""Heatmaps made by hand, with every case that can happen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from described import described, model_info
from layersight.data.image import InputImage, Photograph
from layersight.data.model import InputInfo
from layersight.data.placing import enlarge
from layersight.data.prediction import ClassScore, Prediction
from layersight.data.preprocessing import SCALES
from layersight.data.target import Target
from layersight.nouns.heatmaps.request import HeatmapOptions
from layersight.nouns.heatmaps.result import Curve, Heatmap, Heatmaps, Measure

HOSTILE = "a</script><b>&\u202e.jpg"
CLASSES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
TITLES = {"grad-cam": "Grad-CAM", "gradient": "Gradient", "occlusion": "Occlusion"}
LAYERS = {"grad-cam": ("conv_2",), "gradient": (), "occlusion": ()}
WARNING = "This method shows edges whatever the weights are."


def picture(size: tuple[int, int], number: int = 0, *, grey: bool = False) -> np.ndarray:
    """A photograph of ``(height, width)``: a gradient with a disc; ``(height, width, 1 or 3)``."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    disc = (y - height / 2) ** 2 + (x - width / (2 + number)) ** 2 < (min(size) / 4) ** 2
    base = 60 + 120 * x / max(1, width - 1)
    colours = np.stack([base, 255 - base, 100 + 80 * y / max(1, height - 1)], -1)
    colours[disc] = (230, 200, 60)
    pixels = np.rint(colours).astype(np.uint8)
    return pixels[..., :1] if grey else pixels


def region_of(fit: str, size: tuple[int, int], net: tuple[int, int]) -> tuple[float, ...]:
    """Where the edges of the network's input lie in a photograph."""
    height, width = size
    if fit == "stretch":
        return 0.0, 0.0, float(height), float(width)
    scales = (height / net[0], width / net[1])
    scale = min(scales) if fit == "crop" else max(scales)
    tall, wide = net[0] * scale, net[1] * scale
    top, left = (height - tall) / 2, (width - wide) / 2
    return top, left, top + tall, left + wide


def bump(cells: tuple[int, int], number: int) -> np.ndarray:
    """A hill of heat whose place depends on the number; greatest 0.5 + number."""
    y, x = ((np.arange(side) + 0.5) / side for side in cells)
    middle = 0.3 + 0.13 * (number % 4), 0.7 - 0.11 * (number % 5)
    far = (y[:, None] - middle[0]) ** 2 + (x[None] - middle[1]) ** 2
    hill = np.exp(-far / 0.05)
    return (hill / hill.max() * (0.5 + number)).astype(np.float32)


def measures(number: int, *, coarse: bool = True) -> tuple[Measure, ...]:
    """One with a curve that is better than random, one without that is worse."""
    random = 0.4 if coarse else 0.45
    shares = tuple(np.linspace(0, 1, 6).tolist())
    falling = tuple((0.9 * np.exp(-4 * np.linspace(0, 1, 6))).tolist())
    rising = tuple(reversed(falling))
    return (
        Measure("deletion", 0.21 + number / 100, random, 0.3, False, Curve(shares, falling)),
        Measure("insertion", 0.71, 0.5, 0.6, True, Curve(shares, rising)),
        Measure("sensitivity", 0.3, 0.1, 0.2, False),
    )


def heats(
    *,
    images: int = 1,
    methods: Sequence[str] = ("grad-cam",),
    targets: int = 1,
    size: tuple[int, int] = (36, 54),
    net: tuple[int, int] = (24, 24),
    fit: str = "stretch",
    grey: bool = False,
    signed: Sequence[str] = ("occlusion",),
    empty: Sequence[int] = (),
    measured: bool = False,
    warned: Sequence[str] = (),
    labels: tuple[str, ...] | None = CLASSES,
    names: Sequence[str] | None = None,
    photographs: Sequence[np.ndarray] | None = None,
    where: Any = "mean",
    **known: Any,
) -> Heatmaps:
    """Heatmaps of every image, target and method.

    Args:
        images: How many.
        methods: Their names.
        targets: How many classes.
        size: Height and width of the photographs.
        net: Height and width of what the network sees.
        fit: How a photograph came to that size.
        grey: Whether the photographs are.
        signed: Which methods have values below 0.
        empty: Which maps are zeros.
        measured: Whether there are metrics.
        warned: Which methods can mislead.
        labels: Names of the classes.
        names: Of the images.
        photographs: Pixels in their place.
        where: Of the targets.
        known: Facts of the model.
    """
    shown = [picture(size, number, grey=grey) for number in range(images)]
    shown = list(photographs) if photographs is not None else shown
    names = names or [f"photo{number}.jpg" for number in range(len(shown))]
    order = (3, 1, 6, 0, 2, 5, 4, 7)[:targets]
    chosen = [
        Target("top", unit, label=None if labels is None else labels[unit], where=where)
        for unit in order
    ]
    scale = SCALES["0..1"]
    maps: list[Heatmap] = []
    for image in range(len(shown)):
        for rank, target in enumerate(chosen):
            for method in methods:
                number = len(maps)
                cells = (7, 7) if LAYERS[method] else net
                coarse = bump(cells, number)
                if method in signed:
                    coarse = coarse - np.float32(0.6) * coarse[::-1, ::-1]
                if number in empty:
                    coarse = np.zeros_like(coarse)
                score = round(0.8 / (rank + 1), 3)
                maps.append(
                    Heatmap(
                        image=image,
                        method=method,
                        target=target,
                        score=score,
                        explained=10 * score,
                        layers=LAYERS[method],
                        values=enlarge(coarse, net),
                        signed=method in signed,
                        coarse=coarse,
                        empty=number in empty,
                        measures=measures(number, coarse=bool(LAYERS[method])) if measured else (),
                    )
                )
    seen = [np.resize(pixels, (*net, pixels.shape[2])) for pixels in shown]
    info: dict[str, Any] = {
        "inputs": (InputInfo("picture", (None, *net, 3)),),
        "layers": (described("conv_2", "Conv2D", (None, 7, 7, 8), 9),),
        "labels": labels,
    }
    top = tuple(
        ClassScore(unit, round(0.8 / (rank + 1), 3), None if labels is None else labels[unit])
        for rank, unit in enumerate((3, 1, 6, 0, 2))
    )
    return Heatmaps(
        model=model_info(**{**info, **known}),
        options=HeatmapOptions(),
        images=tuple(
            InputImage(
                name,
                Path(name),
                (pixels.shape[1], pixels.shape[0]),
                small,
                scale.apply(small),
                scale,
                (f"resized to {net[1]} x {net[0]} ({fit}, nearest)",),
            )
            for name, pixels, small in zip(names, shown, seen, strict=True)
        ),
        photographs=tuple(
            Photograph(pixels, region_of(fit, pixels.shape[:2], net))  # type: ignore[arg-type]
            for pixels in shown
        ),
        maps=tuple(maps),
        predictions=tuple((Prediction("top", 8, top),) for _ in shown),
        titles={method: TITLES[method] for method in methods},
        warnings=dict.fromkeys(warned, WARNING),
        notes=("layer conv_2 chosen: the last with maps",),
    )
