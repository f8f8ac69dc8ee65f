"""The options of patterns, and of pictures of them.

The rule of this module: it imports neither NumPy nor a framework, so that a command line can list
methods and options at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from layersight.data.fields import Options, option
from layersight.nouns.registry import scan

METHODS = scan("layersight.nouns.patterns.methods")
"""The declaration of each method, in the order of menus."""

KINDS = {
    "channel": "the mean of a channel over all positions",
    "neuron": "a channel at the position in the middle",
    "logit": "a unit before its own activation function, such as a class below a softmax",
}
"""The choices of ``--objective``."""

PRECISIONS = ("float32", "mixed")


@dataclass(frozen=True, slots=True)
class PatternOptions(Options):
    """How patterns are made.

    Attributes:
        method: The name of a method, ``"robust"``, ``"classic"`` or ``"maco"``.
        steps: How many steps at most, from when the channel is no longer silent.
        size: Height and width of the canvas in pixels.
        rate: The size of a step.
        seed: Of everything random.
        jitter: The furthest shift of the canvas in a step, in pixels.
        zoom: The furthest rescaling in a step: 0.1 is from 0.9 to 1.1.
        turn: The furthest rotation in a step, in degrees.
        total_variation: Weight of the mean absolute difference of neighbouring pixels.
        norm: Weight of the mean square distance from grey.
        facets: How many different patterns of each channel.
        diversity: Weight of their likeness, where there are several.
        patience: How many steps without gain end a pattern early; 0 for never.
        precision: What the network computes in while it is optimised: ``"float32"``, or
            ``"mixed"``, bfloat16 with weights in float32.

    Raises:
        UsageError: A value is of the wrong kind, out of its range, or none of the choices.
    """

    method: str = "robust"
    steps: int = option(128, help="At most; else the method's own.", low=1, high=100_000)
    size: tuple[int, int] = option(
        (128, 128), help="Of the canvas; else the model's own.", unit="px", metavar="PX|HxW"
    )
    rate: float = option(
        0.15, help="The size of a step; else the method's own.", low=1e-6, high=1e6
    )
    seed: int = option(0, help="Of everything random.", low=0, high=2**63 - 1)
    jitter: float = option(8.0, help="The furthest shift in a step.", low=0, high=10_000, unit="px")
    zoom: float = option(0.1, help="The furthest rescaling: 0.1 is 0.9 to 1.1.", low=0, high=0.9)
    turn: float = option(5.0, help="The furthest rotation in a step, in degrees.", low=0, high=180)
    total_variation: float = option(
        0.0, help="Weight of differences of neighbouring pixels.", low=0, high=1e6
    )
    norm: float = option(0.0, help="Weight of the distance from grey.", low=0, high=1e6)
    facets: int = option(1, help="Different patterns of each channel.", low=1, high=64)
    diversity: float = option(0.0, help="How much facets shall differ.", low=0, high=1e6)
    patience: int = option(
        16, help="Steps without gain that end a pattern; 0: never.", low=0, high=100_000
    )
    precision: str = option(
        "float32", help="What the network computes in: float32 or mixed.", choices=PRECISIONS
    )


GALLERY_VIEWS = ("pattern", "grid", "sheet")
"""One pattern, large; all patterns of a layer; a document with a row for each layer."""


@dataclass(frozen=True, slots=True)
class GalleryOptions(Options):
    """The options of a picture of patterns.

    Attributes:
        view: One of :data:`GALLERY_VIEWS`; ``None`` for the one that fits: ``"pattern"`` for a
            single pattern, ``"grid"`` for one layer, ``"sheet"`` for several.
        columns: Patterns in a row, at least 1.

    Raises:
        UsageError: A value is none of those.
    """

    view: str | None = option(None, help="What to draw; else what fits.", choices=GALLERY_VIEWS)
    columns: int = option(8, help="Patterns in a row.", low=1)
