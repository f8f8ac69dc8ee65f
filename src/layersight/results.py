"""The frozen data that verbs return and pictures are drawn from.

The rule of this module: plain values and NumPy arrays, no framework, no drawing. What a
person sees of a result in a notebook comes from ``layersight.notebook``, which is named by
string here so that this module imports nothing above it.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from layersight.errors import SelectionError, near
from layersight.preprocessing import Preprocessing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float32]
Shape = tuple[int | None, ...]

LEAST_SIDE = 8
"""The least side, in pixels, of what is taken for a picture though it has no channel axis."""


class Showable:
    """Lets a result show itself in a notebook and as a Matplotlib figure."""

    def plot(self, **options: Any) -> Figure:
        """Draws the result as a Matplotlib figure; see ``layersight.notebook.plot``."""
        figure: Figure = _notebook().plot(self, **options)
        return figure

    def _repr_html_(self) -> str:
        return str(_notebook().to_html(self))

    def _repr_png_(self) -> bytes | None:
        png: bytes | None = _notebook().to_png(self)
        return png


def _notebook() -> Any:
    return importlib.import_module("layersight.notebook")


@dataclass(frozen=True, slots=True)
class InputInfo:
    """An input of a model.

    Attributes:
        name: The name of the input.
        shape: As the model has it, batch first; ``None`` where any size will do.
        data_format: ``"channels_last"`` or ``"channels_first"``: of ``shape``, or of what
            ``picture`` is flattened to.
        dtype: Of the values, such as ``"float32"``.
        picture: ``(height, width, channel)`` of the picture that the network itself makes of
            the values of an input that has fewer axes; else ``None``.
        vocabulary: How many whole numbers, from 0, the embedding knows that the input feeds;
            ``None`` where it feeds none.
        key: What the model calls the input where it takes a dictionary; else ``None``.
        preprocessing: What its pictures must be brought to, where the model itself tells; else
            ``None``.
        swapped: Whether the model itself turns the order of three colours round before its first
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
    def is_image(self) -> bool:
        """Whether an image fits: two spatial axes, and channels that a picture can have."""
        return len(self.example_shape) == 3 and self.channels in (None, 1, 2, 3, 4)

    @property
    def takes_picture(self) -> bool:
        """Whether a picture can be shown to it: also where bands or frames are to be filled."""
        axes = len(self.example_shape)
        return axes == 3 or (axes == 4 and self.channels in (1, 3, 4))

    @property
    def possible_picture(self) -> tuple[int, int, int] | None:
        """The picture that the values could be where nothing in the network says so.

        A vector as long as a square picture in grey or RGB has pixels, or rows of numbers
        without a channel axis; of at least ``LEAST_SIDE`` a side.
        """
        own = self.shape[1:]
        if self.takes_picture or self.vocabulary or not self.dtype.startswith(("float", "bf", "u")):
            return None
        if len(own) == 2 and min(side or 0 for side in own) >= LEAST_SIDE:
            return int(own[0] or 0), int(own[1] or 0), 1
        if len(own) == 1 and own[0]:
            for channels in (1, 3):
                side = math.isqrt(own[0] // channels)
                if side >= LEAST_SIDE and side * side * channels == own[0]:
                    return side, side, channels
        return None

    def as_picture(self) -> InputInfo:
        """The same input, its values taken for the picture that they could be."""
        picture = self.possible_picture
        return self if picture is None else dataclasses.replace(self, picture=picture)

    @property
    def channels(self) -> int | None:
        """The number of channels, ``None`` if any will do."""
        return self.example_shape[-1]

    @property
    def size(self) -> tuple[int | None, int | None]:
        """Height and width in pixels, ``None`` where any will do."""
        return self.example_shape[0], self.example_shape[1]


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A named node of the network that computes something.

    Attributes:
        name: Its name; a path inside a nested model (``mobilenet/conv_pw_3``). A layer that
            is called several times has one entry for each call: ``conv@0``, ``conv@1``.
        type: The name of its class, such as ``"Conv2D"``.
        output_shape: As the framework has it, batch first, ``None`` where unknown. ``None``
            altogether if nothing is known before the model has seen an image.
        parameters: The number of its weights.
        data_format: Where ``output_shape`` holds the channels: ``"channels_last"``,
            ``"channels_first"``, or ``"no_channels"`` of a single map without a channel axis.
        kernel: Of convolution and pooling, one number for each spatial axis.
        strides: Likewise.
        dilation: Likewise.
        receptive_field: The input pixels, for each spatial axis, that one position depends
            on; ``None`` where that is the whole image or does not apply.
        inputs: The names of the layers whose outputs it takes.
        activation: The name of its activation function, if it has one.
        axes: What the axes of its output are, channels last and without the batch, where they
            are no positions in a picture or signal: ``("query", "key", "head")`` of attention
            scores; else ``None``.
        blocked: Why it cannot be computed, ``None`` for a layer that can.

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
    inputs: tuple[str, ...] = ()
    activation: str | None = None
    axes: tuple[str, ...] | None = None
    blocked: str | None = None

    @property
    def example_shape(self) -> Shape | None:
        """The shape of what is handed out for one example, channels last; ``None`` if unknown."""
        if self.output_shape is None:
            return None
        shape = self.output_shape[1:]
        if self.data_format == "no_channels":
            return (*shape, 1)
        return (*shape[1:], *shape[:1]) if self.data_format == "channels_first" else shape

    @property
    def has_maps(self) -> bool:
        """Whether its output has at least one spatial axis beside batch and channel."""
        return self.output_shape is not None and len(self.output_shape) >= 3

    @property
    def channels(self) -> int | None:
        """The number of channels or units."""
        shape = self.example_shape
        return shape[-1] if shape else None


@dataclass(frozen=True, slots=True)
class ModelInfo(Showable):
    """What is known of a model without showing it anything.

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
        rewrites: What had to be changed in an old configuration to open it.
        labels: The names of the classes, where they are known.
        notes: What a reader should know beside, such as weights that are no numbers.
        output_layers: For each output the name in ``layers`` of the layer that gives it;
            ``None`` where the output is computed outside of any layer. Empty while nothing is
            known of the layers.
    """

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

    @property
    def preprocessing(self) -> Preprocessing | None:
        """What the pictures of its first input of pictures must be brought to, if known."""
        first = next((entry for entry in self.inputs if entry.takes_picture), None)
        return None if first is None else first.preprocessing


@dataclass(frozen=True, eq=False, slots=True)
class InputImage(Showable):
    """An image as the network sees it, and how it came to be.

    Attributes:
        name: The file's name, or what stands for it.
        path: The file, if there is one.
        original_size: Width and height in pixels as found in the file, upright.
        pixels: ``(height, width, channel)`` uint8, fitted but not yet preprocessed; RGB or
            grey.
        values: ``(height, width, channel)`` float32, what the network gets.
        preprocessing: How ``values`` come from ``pixels``.
        steps: What was done, in words, in order.
        region: ``(top, left, bottom, right)`` in pixels of ``original_size``: where the edges
            of what the network gets lie; outside the original where black was put around it.
            ``None`` for an array that was not fitted.
        frame: Which frame, page or slice of the file was asked for, from 0; ``None`` if none was.
    """

    name: str
    path: Path | None
    original_size: tuple[int, int]
    pixels: NDArray[np.uint8]
    values: FloatArray
    preprocessing: Preprocessing
    steps: tuple[str, ...] = ()
    region: tuple[float, float, float, float] | None = None
    frame: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The image as JSON-ready data, without its pixels."""
        *axes, channels = self.values.shape
        names = ("length",) if len(axes) == 1 else ("width", "height", "depth")
        size = dict(zip(names, reversed(axes), strict=False)) | {"channels": channels}
        return {
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "original_size": {"width": self.original_size[0], "height": self.original_size[1]},
            "size": size,
            "steps": list(self.steps),
            "preprocessing": self.preprocessing.to_json(),
        }


@dataclass(frozen=True, eq=False, slots=True)
class ChannelStatistics:
    """Numbers of every channel for every image, each array ``(image, channel)``.

    Attributes:
        mean: Mean over the positions, float32.
        std: Standard deviation over the positions, float32.
        min: Least value, float32.
        max: Greatest value, float32.
        sparsity: Share of exact zeros, 0..1, float32.
        dead: Whether the map is constant for this image, bool. A map of one position (a
            dense unit) has nothing to vary over and is never called dead.
        finite: Whether every value is a number, bool.
    """

    mean: FloatArray
    std: FloatArray
    min: FloatArray
    max: FloatArray
    sparsity: FloatArray
    dead: NDArray[np.bool_]
    finite: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class LayerActivation:
    """What one layer makes of the images.

    Attributes:
        layer: Which layer.
        values: ``(image, height, width, channel)`` float32, channels last whatever the
            model's own order; ``(image, length, channel)`` or ``(image, depth, height,
            width, channel)`` for 1-D and 3-D layers, ``(image, unit)`` for dense ones.
        channels: The numbers of the channels that ``values`` holds, in order.
        statistics: Numbers of each channel.
    """

    layer: LayerInfo
    values: FloatArray
    channels: tuple[int, ...]
    statistics: ChannelStatistics

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def has_maps(self) -> bool:
        """Whether there is a spatial axis, so that each channel is a map."""
        return self.values.ndim >= 3

    def maps(self, image: int = 0) -> FloatArray:
        """The channels of one image, channel first: ``(channel, *spatial)``, a view."""
        return np.moveaxis(self.values[image], -1, 0)

    def dead(self, image: int = 0) -> int:
        """How many channels are dead for that image."""
        return int(self.statistics.dead[image].sum())

    def sparsity(self, image: int = 0) -> float:
        """The share of exact zeros over all channels for that image, 0..1."""
        return float(self.statistics.sparsity[image].mean())


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One number of a model's output: its place, its value, its name where known."""

    index: int
    score: float
    label: str | None = None


CLASSES, LABELS, PROBABILITY = "classes", "labels", "probability"
"""Kinds of outputs: one class of several; several that are independent; one that is or is not."""

VALUE, VALUES = "value", "values"
"""Kinds of outputs: one number, as of a regression; several, as of landmarks or an embedding."""

MAP, PICTURE, SEQUENCE = "map", "picture", "sequence"
"""Kinds of outputs: classes at each position; a picture, as of an autoencoder or of depth; numbers
along one axis."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one image at one of its outputs.

    Attributes:
        output: The name of the output's layer.
        size: How many numbers the output has.
        top: Of a vector the greatest of them, greatest first; else empty.
        kind: What its numbers mean, one of the kinds above; ``None`` where it is not known.
        shape: The shape of the output for one image.
        low: The least of its numbers; ``None`` if none is finite.
        high: Likewise the greatest.
    """

    output: str
    size: int
    top: tuple[ClassScore, ...]
    kind: str | None = None
    shape: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None

    def name_of(self, top: ClassScore) -> str:
        """What one of its numbers is called."""
        if top.label is not None:
            return top.label
        if self.size == 1 and self.kind in (PROBABILITY, VALUE):
            return self.kind
        return f"{'output' if self.kind == VALUES else 'class'} {top.index}"

    def describe(self) -> str:
        """What the model says in words.

        >>> Prediction("dense", 2, (ClassScore(1, 0.75, "dog"), ClassScore(0, 0.25))).describe()
        'dog 0.75, class 0 0.25'
        >>> Prediction("angle", 1, (ClassScore(0, -0.47),), VALUE).describe()
        'value -0.47'
        >>> Prediction("rgb", 192, (), PICTURE, (8, 8, 3), 0.0, 0.5).describe()
        'a picture of 8 x 8 x 3 numbers from 0 to 0.5'
        """
        told = ", ".join(f"{self.name_of(top)} {top.score:.3g}" for top in self.top)
        ends = "" if self.low is None else f" from {self.low:.3g} to {self.high:.3g}"
        if self.kind == VALUES and self.top:
            return f"{self.size} values{ends}; the greatest: {told}"
        if told or not self.shape:
            return told
        what = {MAP: "a map", PICTURE: "a picture", SEQUENCE: "a sequence"}
        sides = " x ".join(map(str, self.shape))
        return f"{what.get(self.kind or '', 'an array')} of {sides} numbers{ends}"


@dataclass(frozen=True, eq=False)
class Activations(Mapping[str, FloatArray], Showable):
    """The feature maps of some layers for some images.

    A mapping from the layers' names to arrays: ``maps["conv2d_1"]`` is ``(image, height,
    width, channel)``.

    Attributes:
        model: The model they are of.
        images: The images, in the order of the arrays' first axis.
        layers: What each layer makes of them, in the order in which the layers run.
        predictions: For each image what each output says, or empty if not asked for.
        notes: What a reader should know beside, such as a size that had to be chosen.
    """

    model: ModelInfo
    images: tuple[InputImage, ...]
    layers: tuple[LayerActivation, ...]
    predictions: tuple[tuple[Prediction, ...], ...] = ()
    notes: tuple[str, ...] = ()
    _by_name: dict[str, LayerActivation] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({entry.name: entry for entry in self.layers})

    def __getitem__(self, name: str) -> FloatArray:
        return self.layer(name).values

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    # A result is itself and no other; Mapping would compare whole arrays.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return (
            f"<Activations of {self.model.name!r}: {len(self.images)} image(s), "
            f"{len(self.layers)} layer(s), {self.map_count} maps>"
        )

    @property
    def map_count(self) -> int:
        """How many feature maps there are for one image, over all layers that have maps."""
        return sum(len(entry.channels) for entry in self.layers if entry.has_maps)

    def layer(self, name: str) -> LayerActivation:
        """One layer with its statistics.

        Raises:
            SelectionError: No such layer is among these activations.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise SelectionError(
                f"no activations of a layer '{name}' here.{near(name, self._by_name)}"
            ) from None
