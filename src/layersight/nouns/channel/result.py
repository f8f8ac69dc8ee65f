"""What is known of one channel, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from layersight.data.display import RichDisplay
from layersight.data.model import ModelInfo
from layersight.nouns.activations.result import Activations
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.survey.result import LayerSurvey, Survey


@dataclass(frozen=True, eq=False)
class Channel(RichDisplay):
    """One channel: its kernel, its pattern, and what it does over a data set.

    Attributes:
        model: The network.
        survey: What was counted over the data set.
        layer: The name of the layer.
        channel: The number of the channel.
        kernel: Its weights alone; ``None`` where the layer has none.
        pattern: The image that it responds to most; ``None`` if it was not requested or cannot be
            made.
        pattern_peak: The greatest activation of the pattern; not a number without one.
        maps: Its activation for an image; ``None`` without one.
        notes: What a reader should know.
    """

    noun: ClassVar[str] = "channel"

    model: ModelInfo
    survey: Survey
    layer: str
    channel: int
    kernel: Kernels | None = None
    pattern: Patterns | None = None
    pattern_peak: float = float("nan")
    maps: Activations | None = None
    notes: tuple[str, ...] = ()

    @property
    def entry(self) -> LayerSurvey:
        """What the survey knows of its layer."""
        return self.survey[self.layer]

    @property
    def name(self) -> str:
        """Its full name, ``"conv2d_3, channel 5"``."""
        return f"{self.layer}, channel {self.channel}"

    def number(self, name: str) -> float:
        """A number of the channel over the data set, by its name in the survey of the layer."""
        return float(getattr(self.entry, name)[self.channel])

    def __repr__(self) -> str:
        return (
            f"<Channel {self.channel} of layer {self.layer!r} of {self.model.name!r}: over "
            f"{self.survey.images} image(s)>"
        )
