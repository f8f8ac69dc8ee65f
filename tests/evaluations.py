"""Evaluations made by hand, with every case that can happen."""

from __future__ import annotations

from typing import Any

import numpy as np

from described import model_info
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.data.target import Target
from layersight.nouns.evaluation.result import Column, Evaluation, Row
from layersight.nouns.heatmaps.metrics.metric import metrics
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

HOSTILE = "=cat</script><b>&\u202e"

NAMES = {
    "grad-cam": ("Grad-CAM", ("conv_pw_13_relu",), (7, 7)),
    "layercam": ("LayerCAM", ("conv_1", "conv_2", "conv_3"), (56, 56)),
    "gradient": ("Gradient", (), (224, 224)),
    "integrated-gradients": ("Integrated gradients", (), (224, 224)),
    "guided-backprop": ("Guided backpropagation", (), (224, 224)),
}


def columns(*names: str) -> tuple[Column, ...]:
    """What an evaluation keeps of metrics."""
    return tuple(
        Column(each.name, each.title, each.says, each.misleads, each.source, each.higher_is_better)
        for name, each in metrics().items()
        if not names or name in names
    )


def rows(*names: str) -> tuple[Row, ...]:
    """What an evaluation keeps of methods."""
    return tuple(
        Row(
            name,
            title,
            "Somebody, 2020",
            layers,
            resolution,
            "It misleads." if "guided" in name else None,
        )
        for name, (title, layers, resolution) in NAMES.items()
        if not names or name in names
    )


def evaluation(
    amount: int = 6,
    *,
    methods: tuple[Row, ...] | None = None,
    measures: tuple[Column, ...] | None = None,
    name: str = "small",
    **known: Any,
) -> Evaluation:
    """An evaluation; of the last method the last metric has no numbers."""
    methods = rows() if methods is None else methods
    measures = columns() if measures is None else measures
    draw = np.random.default_rng(0)
    shape = (len(methods), len(measures), amount)
    skill = np.linspace(0.3, 0.6, len(methods))[:, np.newaxis, np.newaxis]
    values = np.clip(skill + draw.normal(size=shape) / 12, 0, 1).astype(np.float32)
    if len(methods) > 1:
        values[-1, -1] = np.nan
    by_resolution = {row.resolution: draw.uniform(0.2, 0.5, shape[1:]) for row in methods}
    random = np.array([by_resolution[row.resolution] for row in methods], np.float32).reshape(shape)
    bars = random.copy()
    for index, column in enumerate(measures):
        if column.name == "randomisation":
            bars[:, index] = 0.5
    info = model_info(name=name, inputs=(InputInfo("picture", (None, 224, 224, 3)),))
    facts = {
        "model": info,
        "options": HeatmapOptions(),
        "measured": MeasureOptions(),
        "preprocessing": SCALES["-1..1"].because("the model's own"),
        "images": tuple(f"images/dog {number}.jpg" for number in range(amount)),
        "explained": "the strongest class of each image",
        "targets": tuple(Target("top", number, label=f"dog {number}") for number in range(amount)),
        "scores": draw.uniform(0.3, 1, amount).astype(np.float32),
        "rows": methods,
        "columns": measures,
        "values": values,
        "random": random,
        "centre": draw.uniform(0.2, 0.6, shape[1:]).astype(np.float32),
        "bars": bars,
        "count": amount,
        "notes": ("a note",),
    }
    return Evaluation(**(facts | known))
