"""The options of heatmaps and of their metrics.

The rule of this module: it imports neither NumPy nor a framework, so that a command line can list
methods, metrics and options at once. An option of a single method is declared in the file of that
method; options of several are declared here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from layersight.data.fields import Options, extend, option
from layersight.nouns.registry import scan

METHODS = scan("layersight.nouns.heatmaps.methods")
"""What the file of each method declares, in the order of menus."""

METRICS = scan("layersight.nouns.heatmaps.metrics")  # likewise of each metric

SCORES = ("logit", "output")

BASELINES = ("black", "grey", "white", "mean", "blur")
"""What can stand for "nothing": a fixed colour, the image's own mean colour, the image blurred."""


@dataclass(frozen=True, slots=True)
class SharedHeatmapOptions(Options):
    """How heatmaps are made; each method reads those that it names.

    Besides those below there are the options of each method, which its own file declares.

    Attributes:
        score: ``"logit"``: the number before its softmax or sigmoid is explained; ``"output"``:
            the output of the network.
        baseline: What stands for "nothing": ``"black"``, ``"grey"``, ``"white"``, ``"mean"`` (the
            image's own mean colour) or ``"blur"`` (the image itself, blurred).
        masks: For Score-CAM and Ablation-CAM, how many of the strongest channels; 0 for all. For
            RISE, how many random masks; 0 for 2,000.
        seed: Of everything random.

    Raises:
        UsageError: A value is of the wrong kind, out of its range, or none of the choices.
    """

    score: str = option(
        "logit",
        help="logit: before the last activation; output: behind it.",
        choices=SCORES,
        metavar="WHAT",
        flag="--explain",
    )
    baseline: str = option(
        "black",
        help="What nothing is: black, grey, white, mean or blur.",
        choices=BASELINES,
        metavar="NAME",
    )
    masks: int = option(
        0, help="Score-CAM, Ablation-CAM: channels; RISE: masks.", low=0, high=1_000_000
    )
    seed: int = option(0, help="Of everything random.", low=0, high=2**63 - 1)


@dataclass(frozen=True, slots=True)
class SharedMeasureOptions(Options):
    """How heatmaps are measured; each metric reads those that it names.

    Besides those below there are the options of each metric, which its own file declares.

    Attributes:
        points: For deletion and insertion, the number of equal shares of pixels.
        randoms: How many random maps are measured beside each heatmap.
        seed: Of everything random.

    Raises:
        UsageError: A value is of the wrong kind, out of its range, or none of the choices.
    """

    points: int = option(32, help="Deletion, insertion: in how many equal shares of pixels.", low=1)
    randoms: int = option(3, help="Random maps beside each heatmap.", low=1)
    seed: int = option(0, help="Of everything random.", low=0)


if TYPE_CHECKING:

    class HeatmapOptions(SharedHeatmapOptions):
        def __init__(self, **options: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

    class MeasureOptions(SharedMeasureOptions):
        def __init__(self, **options: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

else:
    HeatmapOptions = extend(
        SharedHeatmapOptions,
        "HeatmapOptions",
        [option for declared in METHODS.values() for option in declared.options],
        __name__,
    )
    MeasureOptions = extend(
        SharedMeasureOptions,
        "MeasureOptions",
        [option for declared in METRICS.values() for option in declared.options],
        __name__,
    )
