"""The declaration of a method of attribution, and the list of methods.

The rule of this module: a new method is a new file beside this one, which ends with its
:class:`Method`; command line, Python, documents and menus read that folder. Every method is one
function from a :class:`Request` to maps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.model import Differentiable
from layersight.nouns import registry
from layersight.nouns.heatmaps.request import HeatmapOptions

Progress = Callable[[int, int], None]
"""Called after each pass with how many are done and how many there are."""

Size = tuple[int, ...]
"""How many positions there are along each axis: height and width of a picture, the length of a
signal, frames or slices with their height and width, the units of a vector."""

NONE, ONE, SEVERAL = "none", "one", "several"  # how many layers a method takes


@dataclass(frozen=True, eq=False, slots=True)
class Images:
    """A batch of images for a network, and the input whose pixels are explained.

    Attributes:
        values: For each input of the model a batch, ``(image, ...)``, channels last; of a vector
            without a channel axis.
        input: The name of the input that is explained.
        black: ``(channel,)``: what a black pixel is in the numbers that the network sees.
        white: ``(channel,)``: likewise a white one.
    """

    values: Mapping[str, FloatArray]
    input: str
    black: FloatArray
    white: FloatArray

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def pixels(self) -> FloatArray:
        """What is explained: ``(image, *positions, channel)``; of a vector units are positions."""
        values = self.values[self.input]
        return values[..., np.newaxis] if values.ndim == 2 else values

    @property
    def size(self) -> Size:
        """How many positions there are along each axis."""
        return self.pixels.shape[1:-1]

    @property
    def is_vector(self) -> bool:
        """Whether the order of positions means nothing."""
        return self.values[self.input].ndim == 2

    def as_input(self, pixels: FloatArray) -> FloatArray:
        """Pixels ``(n, *positions, channel)`` as the network takes them, a vector ``(n, unit)``."""
        values = np.asarray(pixels, np.float32)
        return values[..., 0] if self.is_vector else values

    def select(self, image: int) -> Images:
        """A batch of one of the images."""
        values = {name: array[image : image + 1] for name, array in self.values.items()}
        return dataclasses.replace(self, values=values)

    def with_pixels(self, pixels: FloatArray) -> dict[str, FloatArray]:
        """Inputs for changed pixels of one image: what the other inputs hold is repeated.

        Args:
            pixels: ``(n, *positions, channel)``, changed copies of the only image of the
                batch; or as many as the batch has images, one for each.
        """
        count = len(pixels)
        inputs = {
            name: array if len(array) == count else np.repeat(array, count, axis=0)
            for name, array in self.values.items()
        }
        return inputs | {self.input: self.as_input(pixels)}


@dataclass(frozen=True, eq=False, slots=True)
class Request:
    """What a method is to explain, and how.

    Attributes:
        model: The network.
        images: At most ``batch_size`` images; a method that shows each image to the network many
            times, changed, shows it those in batches of that size.
        target: What is explained of each.
        layers: The layers whose maps are used; empty for a method that needs none.
        options: How heatmaps are made.
        batch_size: Images in one pass.
        progress: Called after each pass.
    """

    model: Differentiable
    images: Images
    target: Goal
    layers: Sequence[str]
    options: HeatmapOptions
    batch_size: int
    progress: Progress


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """Maps, and what a reader should know of them.

    Attributes:
        values: ``(image, *positions)`` float32, in the size of the layer or of the image; not
            normalised.
        notes: The notes of each image; empty where no image has any.
        neutral_values: Of each image the value that means neither for nor against; empty
            where that is 0.
    """

    values: FloatArray
    notes: tuple[tuple[str, ...], ...] = ()
    neutral_values: tuple[float, ...] = ()

    @classmethod
    def of(cls, made: FloatArray | Result) -> Result:
        """What a method returned, with notes and neutral values for every image."""
        result = made if isinstance(made, cls) else cls(np.asarray(made, np.float32))
        count = len(result.values)
        neutral_values = result.neutral_values or (0.0,) * count
        return cls(result.values, result.notes or ((),) * count, neutral_values)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Method(registry.Entry):
    """A method that finds the pixels that decided.

    Attributes:
        assumes: What it presupposes, in a sentence.
        compute: The function.
        layers: :data:`NONE` for methods that need no layer with maps, :data:`ONE` for those
            that take one (several are fused), :data:`SEVERAL` for those that combine them.
        signed: Whether values below the neutral value count against the target.
        gradients: Whether gradients by its layers are all that it needs from the model.
        scored: Whether it explains the target's score; ``activation`` does not.
        warning: A sentence that stands under every picture of it, or ``None``.
        comparable: Whether it is included in ``--method all``.
        costly: Whether it shows each image to the network hundreds of times.
        passes: What the map of one image costs, in passes of an image through the network, by the
            options, the images and the channels of the layer; ``None`` for one forward and backward
            pass.
        resolution: For a method that needs no layer and whose maps have cells larger than a pixel:
            how many cells there are, by the images and the options.

    Every method reads the option ``score``.
    """

    assumes: str
    compute: Callable[[Request], FloatArray | Result]
    layers: str = ONE
    signed: bool = False
    gradients: bool = False
    scored: bool = True
    warning: str | None = None
    comparable: bool = True
    costly: bool = False
    passes: Callable[[HeatmapOptions, Images, int], float] | None = None
    resolution: Callable[[Images, HeatmapOptions], Size] | None = None


def position_axes(values: NDArray[Any]) -> tuple[int, ...]:
    """The axes of positions of ``(image, *positions, channel)``."""
    return tuple(range(1, values.ndim - 1))


def methods() -> dict[str, Method]:
    return registry.load("layersight.nouns.heatmaps.methods")


def find_method(name: str) -> Method:
    """A method by name.

    Raises:
        UsageError: There is none of that name.
    """
    return registry.find(methods(), name, "method")
