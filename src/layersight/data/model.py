"""The description of a model: its inputs, its layers, its origin."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from layersight.data.display import RichDisplay
from layersight.data.preprocessing import Preprocessing

Shape = tuple[int | None, ...]

Role = Literal[
    "convolution",
    "pooling",
    "normalisation",
    "activation",
    "attention",
    "dense",
    "recurrent",
    "embedding",
    "merge",
    "reshape",
    "resize",
    "identity",
    "preprocessing",
    "other",
]
"""The kind of work that a layer does, the same for every framework.

``reshape`` moves values about, ``resize`` changes the size of maps (upsampling, padding, cropping),
``identity`` leaves values as they are at prediction (dropout, noise), and ``preprocessing`` brings
an input to the scale and size that the network wants. Inputs and outputs are no layers here:
``ModelInfo.inputs`` and ``ModelInfo.output_layers`` name them.
"""

LEAST_SIDE = 8
"""The least side, in pixels, of an input without a channel axis that is taken for a picture."""


@dataclass(frozen=True, slots=True)
class InputInfo:
    """An input of a model.

    Attributes:
        name: The name of the input.
        shape: As the model has it, batch first; ``None`` for any size.
        data_format: ``"channels_last"`` or ``"channels_first"``: of ``shape``, or of what
            ``picture`` is flattened to.
        dtype: Of the values, such as ``"float32"``.
        picture: ``(height, width, channel)`` of the picture that the network itself makes of
            the values of an input that has fewer axes; else ``None``.
        vocabulary: The size of the vocabulary of the embedding that the input feeds; ``None`` if
            it feeds none.
        key: The model's key for the input if it takes a dictionary; else ``None``.
        preprocessing: The preprocessing of its pictures, if the model itself shows it; else
            ``None``.
        swapped: Whether the model itself reverses the order of three colours before its first
            weights.

    Example:
        >>> flat = InputInfo("digits", (None, 784), picture=(28, 28, 1))
        >>> flat.is_image, flat.size, flat.example_shape
        (True, (28, 28), (28, 28, 1))
        >>> InputInfo("digits", (None, 784)).possible_picture
        (28, 28, 1)
    """

    name: str
    shape: Shape
    data_format: str = "channels_last"
    dtype: str = "float32"
    picture: tuple[int, int, int] | None = None
    vocabulary: int | None = None
    key: str | None = None
    preprocessing: Preprocessing | None = None
    swapped: bool = False

    @property
    def example_shape(self) -> Shape:
        """The shape of one example, without the batch, channels last."""
        if self.picture is not None:
            return self.picture
        shape = self.shape[1:]
        return shape if self.data_format == "channels_last" else (*shape[1:], shape[0])

    @property
    def sides(self) -> Shape:
        """The number of positions of an example along each axis, or of units of a vector."""
        shape = self.example_shape
        return shape if len(shape) == 1 else shape[:-1]

    @property
    def is_image(self) -> bool:
        """Whether an image fits: two spatial axes, and channels that a picture can have."""
        return len(self.example_shape) == 3 and self.channels in (None, 1, 2, 3, 4)

    @property
    def accepts_image(self) -> bool:
        """Whether a picture can be shown to it, also if bands or frames have to be filled."""
        axes = len(self.example_shape)
        return axes == 3 or (axes == 4 and self.channels in (1, 3, 4))

    @property
    def possible_picture(self) -> tuple[int, int, int] | None:
        """The shape of a picture that the values could be, though the network does not show it.

        That is a vector as long as a square picture in grey or RGB, or rows of numbers without a
        channel axis, with sides of at least ``LEAST_SIDE``.
        """
        sides = self.shape[1:]
        if self.accepts_image or self.vocabulary or not self.dtype.startswith(("float", "bf", "u")):
            return None
        if len(sides) == 2 and min(side or 0 for side in sides) >= LEAST_SIDE:
            return int(sides[0] or 0), int(sides[1] or 0), 1
        if len(sides) == 1 and sides[0]:
            for channels in (1, 3):
                side = math.isqrt(sides[0] // channels)
                if side >= LEAST_SIDE and side * side * channels == sides[0]:
                    return side, side, channels
        return None

    def as_picture(self) -> InputInfo:
        """The same input, its values taken for the picture that they could be."""
        picture = self.possible_picture
        return self if picture is None else dataclasses.replace(self, picture=picture)

    @property
    def channels(self) -> int | None:
        """The number of channels, ``None`` for any."""
        return self.example_shape[-1]

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Height and width in pixels, ``None`` for any."""
        return self.example_shape[0], self.example_shape[1]


@dataclass(frozen=True, slots=True)
class Placement:
    """The receptive fields of a layer's positions, for each spatial axis.

    Position ``p`` depends on the pixels of the input from ``start + p * step`` on, as many as its
    receptive field has; pixels outside the input are padding. After an upsampling layer this is
    exact to one position of that layer's input.

    Attributes:
        start: The first pixel of the first position.
        step: The distance in pixels to the next position's.
    """

    start: tuple[float, ...]
    step: tuple[float, ...]

    def pixels(
        self, position: Sequence[int], field: Sequence[int], size: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """The first pixel and the one after the last for each axis, inside an input of ``size``.

        Example:
            >>> Placement((-1.0, -1.0), (2.0, 2.0)).pixels((0, 3), (3, 3), (8, 8))
            ((0, 2), (5, 8))
        """
        ranges = []
        for start, step, index, reach, side in zip(
            self.start, self.step, position, field, size, strict=True
        ):
            first = math.floor(start + index * step)
            ranges.append((min(max(first, 0), side), min(max(first + reach, 0), side)))
        return tuple(ranges)


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A named node of the network that computes something.

    Attributes:
        name: Its name; a path inside a nested model (``mobilenet/conv_pw_3``). A layer that
            is called several times has one entry for each call: ``conv@0``, ``conv@1``.
        type: The name of its class, such as ``"Conv2D"``.
        output_shape: As the framework has it, batch first; sides are ``None`` if unknown, and
            all of it is ``None`` if nothing is known before the model has seen an image.
        parameters: The number of its weights.
        data_format: The position of the channels in ``output_shape``: ``"channels_last"``,
            ``"channels_first"``, or ``"no_channels"`` for a single map without a channel axis.
        kernel: Of convolution and pooling, one number for each spatial axis.
        strides: Likewise.
        dilation: Likewise.
        receptive_field: The number of input pixels, for each spatial axis, that one position
            depends on; ``None`` if that is the whole image or does not apply.
        placement: Where it is for each position; ``None`` likewise, or if that is not known.
        inputs: The names of the layers whose outputs it takes.
        activation: The name of its activation function, if it has one or is one.
        axes: The names of the axes of its output, channels last and without the batch, if they
            are no positions in a picture or signal: ``("query", "key", "head")`` of attention
            scores; else ``None``.
        blocked: Why it cannot be computed, ``None`` for a layer that can.
        role: The kind of work it does.
        averages: Whether its output is the mean of its inputs at each position.

    Example:
        >>> scores = LayerInfo("scores", "Attention", (None, 5, 7), data_format="no_channels")
        >>> scores.example_shape, scores.channels
        ((5, 7, 1), 1)
    """

    name: str
    type: str
    output_shape: Shape | None
    parameters: int = 0
    data_format: str = "channels_last"
    kernel: tuple[int, ...] | None = None
    strides: tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    receptive_field: tuple[int, ...] | None = None
    placement: Placement | None = None
    inputs: tuple[str, ...] = ()
    activation: str | None = None
    axes: tuple[str, ...] | None = None
    blocked: str | None = None
    role: Role = "other"
    averages: bool = False

    @property
    def example_shape(self) -> Shape | None:
        """The shape of its output for one example, channels last; ``None`` if unknown."""
        if self.output_shape is None:
            return None
        shape = self.output_shape[1:]
        if self.data_format == "no_channels":
            return (*shape, 1)
        return (*shape[1:], *shape[:1]) if self.data_format == "channels_first" else shape

    @property
    def has_maps(self) -> bool:
        """Whether its output has at least one spatial axis."""
        return self.output_shape is not None and len(self.output_shape) >= 3

    @property
    def channels(self) -> int | None:
        """The number of channels or units."""
        shape = self.example_shape
        return shape[-1] if shape else None


@dataclass(frozen=True, slots=True)
class ModelInfo(RichDisplay):
    """The description of a model, before it is shown an image.

    Attributes:
        name: The model's own name.
        source: The file or name that it was opened from, ``"a live model"`` otherwise.
        digest: ``sha256:`` and the digest of the file, or of a live model's configuration
            and weights.
        framework: Framework, version and backend in words, ``"keras 3.15.1 on jax"``.
        inputs: Its inputs.
        outputs: The names of the layers whose outputs are the model's outputs.
        layers: Every layer that computes, in the order in which they run.
        parameters: The number of weights; shared layers count once.
        trainable: How many of them training would change; ``None`` if that is not known.
        rewrites: What had to be changed in an old configuration to open it.
        labels: The names of the classes, if they are known.
        notes: Further remarks, such as that weights are not numbers.
        output_layers: For each output the name in ``layers`` of the layer that computes it;
            ``None`` if the output is computed outside of any layer. Empty while the layers are not
            known.
    """

    noun: ClassVar[str] = "summary"

    name: str
    source: str
    digest: str
    framework: str
    inputs: tuple[InputInfo, ...]
    outputs: tuple[str, ...]
    layers: tuple[LayerInfo, ...]
    parameters: int
    rewrites: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    output_layers: tuple[str | None, ...] = ()
    trainable: int | None = None

    def __repr__(self) -> str:
        sides = (
            " x ".join(str(side or "any") for side in entry.shape[1:]) for entry in self.inputs
        )
        inputs = f", input {', '.join(sides)}" if self.inputs else ""
        return (
            f"<Model {self.name!r}: {len(self.layers)} layer{'s'[: len(self.layers) != 1]}, "
            f"{self.parameters:,} parameters{inputs}, from {self.source}>"
        )

    @property
    def image_input(self) -> InputInfo | None:
        """The first input that takes pictures, if any does."""
        return next((entry for entry in self.inputs if entry.accepts_image), None)

    @property
    def preprocessing(self) -> Preprocessing | None:
        """The preprocessing of its first input of pictures, if known."""
        return None if self.image_input is None else self.image_input.preprocessing
