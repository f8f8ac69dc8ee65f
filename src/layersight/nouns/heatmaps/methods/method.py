"""What makes a method of attribution, and the list of them.

The rule of this module: a new method is a new file and one line in :func:`methods`; command
line, Python, documents and menus read that list.

Every method is one function of one signature::

    def grad_cam(
        model: Differentiable,
        images: Images,
        *,
        target: Goal,
        layers: Sequence[str],
        options: HeatmapOptions,
        batch_size: int,
        progress: Progress,
    ) -> FloatArray | Found

It gives ``(image, height, width)`` float32, in the size of its layer or in that of the input,
not normalised. It is given at most ``batch_size`` images; a method that shows each image to the
network many times, changed, brings those to it in batches of that size.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.readout import Goal
from layersight.errors import UsageError, near
from layersight.model import Differentiable
from layersight.nouns.heatmaps.methods.names import PLACES
from layersight.nouns.heatmaps.result import HeatmapOptions

Progress = Callable[[int, int], None]
"""Told after each pass how many are done and how many there are."""

Size = tuple[int, int]
"""Height and width."""

NONE, ONE, SEVERAL = "none", "one", "several"
"""How many layers a method takes."""


@dataclass(frozen=True, eq=False, slots=True)
class Images:
    """A batch of images for a network, and the input whose pixels are explained.

    Attributes:
        values: For each input of the model a batch, ``(image, ...)``, channels last.
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
        """What is explained: ``(image, height, width, channel)``."""
        return self.values[self.input]

    def one(self, image: int) -> Images:
        """The same with one image alone."""
        values = {name: array[image : image + 1] for name, array in self.values.items()}
        return dataclasses.replace(self, values=values)

    def showing(self, pixels: FloatArray) -> dict[str, FloatArray]:
        """Inputs for changed pixels of one image: what the other inputs hold is repeated.

        Args:
            pixels: ``(n, height, width, channel)``, changed copies of the only image of the
                batch; or as many as the batch has images, one for each.
        """
        count = len(pixels)
        found = {}
        for name, array in self.values.items():
            if name == self.input:
                found[name] = np.asarray(pixels, np.float32)
            elif len(array) == count:
                found[name] = array
            else:
                found[name] = np.repeat(array, count, axis=0)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Maps, and what is to be said of them.

    Attributes:
        values: ``(image, height, width)`` float32.
        notes: For each image what a reader should know of its map; empty where there is
            nothing to say of any.
        grounds: For each image the value that says nothing; empty where that is 0.
    """

    values: FloatArray
    notes: tuple[tuple[str, ...], ...] = ()
    grounds: tuple[float, ...] = ()

    @classmethod
    def of(cls, result: FloatArray | Found) -> Found:
        """What a method gave, with notes where it gave none."""
        found = result if isinstance(result, cls) else cls(np.asarray(result, np.float32))
        count = len(found.values)
        return cls(found.values, found.notes or ((),) * count, found.grounds or (0.0,) * count)


class Compute(Protocol):
    """The one signature of a method."""

    def __call__(
        self,
        model: Differentiable,
        images: Images,
        *,
        target: Goal,
        layers: Sequence[str],
        options: HeatmapOptions,
        batch_size: int,
        progress: Progress,
    ) -> FloatArray | Found:
        """Gives ``(image, height, width)`` float32, with notes if there is anything to say."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Method:
    """A way to find the pixels that decided.

    Attributes:
        name: What ``--method`` calls it.
        title: What a caption calls it.
        says: What it does, in a sentence.
        assumes: What it takes for granted, in a sentence.
        misleads: When it misleads, in a sentence.
        source: Authors, year and where it was published.
        compute: The function.
        layers: :data:`NONE` for methods that need no layer with maps, :data:`ONE` for those
            that take one (several are fused), :data:`SEVERAL` for those that combine them.
        signed: Whether values below 0 speak against the target.
        uses: The fields of :class:`HeatmapOptions` that it reads, beside ``score``.
        gradients: Whether all it asks of the model are the gradients by its layers.
        scored: Whether it explains the target's score; ``activation`` does not.
        warning: What every picture of it has to say, or ``None``.
        comparable: Whether it is shown by ``--method all`` and measured beside the others.
        costly: Whether it shows each image to the network hundreds of times.
        grain: For a method that needs no layer and yet makes its maps of cells larger than a
            pixel: how many, by the size of the image and the options.
    """

    name: str
    title: str
    says: str
    assumes: str
    misleads: str
    source: str
    compute: Compute
    layers: str = ONE
    signed: bool = False
    uses: tuple[str, ...] = ()
    gradients: bool = False
    scored: bool = True
    warning: str | None = None
    comparable: bool = True
    costly: bool = False
    grain: Callable[[Size, HeatmapOptions], Size] | None = None


@functools.cache
def methods() -> dict[str, Method]:
    """Every method by name."""
    found = {}
    for name, place in PLACES.items():
        module = importlib.import_module(f"layersight.nouns.heatmaps.methods.{place}")
        method: Method = module.METHOD
        found[name] = method
    return found


def find_method(name: str) -> Method:
    """A method by name.

    Raises:
        UsageError: There is none of that name.
    """
    known = methods()
    if name not in known:
        raise UsageError(
            f"unknown method '{name}': expected one of {', '.join(known)}.{near(name, known)}"
        )
    return known[name]
