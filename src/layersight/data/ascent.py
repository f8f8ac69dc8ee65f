"""Activation maximisation as data: what is maximised, from which start, by which steps.

The rule of this module: plain values and NumPy arrays that a framework executes; nothing in it
names a framework, and nothing in it is random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from layersight.data.arrays import FloatArray

PIXELS = "pixels"  # the parameters are the numbers that the network sees

# The parameters are the coefficients of a real two-dimensional Fourier transform.
FOURIER = "fourier"

# The parameters are the phases of such coefficients, whose magnitudes stay as they are.
PHASE = "phase"


@dataclass(frozen=True, slots=True)
class Probe:
    """What is measured in one layer."""

    layer: str  # its name
    where: str = "mean"  # "mean" over all positions, or "centre": the position in the middle
    # Whether it is measured before the layer's own activation function, as a logit below a softmax
    # is.
    before: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Ascent:
    """Gradient ascent in input space for a batch of patterns.

    The canvas is an image in 0..1, channels last. The network sees, channel by channel,
    ``canvas[..., ::-1 if flip else 1] * gain + shift``; with :data:`PIXELS` the canvas is what
    the network sees, without bounds.
    """

    input: str  # the name of the model's input that is optimised; the others are constant
    size: tuple[int, int]  # height and width of the canvas in pixels
    channels: int  # how many channels the canvas has
    batch: int  # how many patterns are optimised together
    parameters: str  # PIXELS, FOURIER or PHASE
    # what is measured; the weights of each are given with a pattern's start
    probes: tuple[Probe, ...]
    gain: FloatArray  # (channel,)
    shift: FloatArray  # (channel,)
    views: int = 1  # in how many placements the network sees each canvas in one step
    flip: bool = False  # whether the network takes the channels in reverse order
    # (channel, height, width // 2 + 1): what the coefficients of FOURIER are multiplied by, or the
    # magnitudes of PHASE.
    spectrum: FloatArray | None = None
    # (channel, channel): turns decorrelated colours into those of the canvas; None for none
    colours: FloatArray | None = None
    has_placements: bool = True  # whether the network sees the canvas through placements
    update: str = "adam"  # "adam", or "normalised": the gradient divided by its root mean square
    rate: float = 0.05  # the size of a step
    total_variation: float = 0.0  # weight of the mean absolute difference of neighbours, subtracted
    norm: float = 0.0  # weight of the mean square distance of the canvas from grey, subtracted
    # Weight of the mean cosine between the Gram matrices of the patterns of one group at the first
    # probe, subtracted.
    diversity: float = 0.0
    group: int = 1  # how many neighbours of the batch are facets of one channel
    outside: float = 0.5  # the value beyond the edges of the canvas
    # Whether a gradient that leaks passes every rectifier on the way from the input; else only the
    # last before each probe.
    deep: bool = False
    mixed: bool = False  # whether the network computes in mixed precision
    # the values of the other inputs, for one image each
    constants: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def penalised(self) -> bool:
        """Whether a penalty on the canvas itself is subtracted."""
        return bool(self.total_variation or self.norm)


@dataclass(frozen=True, eq=False, slots=True)
class StepResult:
    """The values before a step changes anything; each array has one entry for each pattern."""

    values: FloatArray  # the objective: the weighted sum of what the probes measure
    gradients: FloatArray  # the root mean square of its gradient; 0 where nothing leads up


class Optimisation(Protocol):
    """A running ascent: ``batch`` slots, each with its own pattern."""

    def begin(
        self, slot: int, parameters: Mapping[str, FloatArray], weights: Sequence[FloatArray]
    ) -> None:
        """Puts a pattern at its start into a slot.

        Args:
            slot: Which, from 0.
            parameters: ``pixels`` ``(height, width, channel)``; or ``real`` and ``imaginary``,
                or ``phase``, each ``(channel, height, width // 2 + 1)``.
            weights: For each probe the weight of each channel of its layer, ``(channel,)``.
        """
        ...

    def step(
        self, placements: FloatArray | None, leaking: FloatArray, rates: FloatArray
    ) -> StepResult:
        """Takes one step with every slot.

        Args:
            placements: ``(views, 2, 3)``: for each view of every slot the affine map from a
                pixel of the network's input, ``(y, x, 1)``, to the position ``(y, x)`` on the
                canvas. ``None`` if the ascent has no placements.
            rates: ``(batch,)``: what the ascent's rate is multiplied by for each pattern.
            leaking: ``(batch,)``: how much of the gradient passes rectifiers that are off, 0
                for what is, 1 for all of it.
        """
        ...

    def measure(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        """What the probes find of canvases, before any weights.

        Args:
            canvas: ``(batch, height, width, channel)``.
            placement: ``(2, 3)``, the view of each.

        Returns:
            For each probe ``(batch, channel)``.
        """
        ...

    def active(self, canvas: FloatArray, placement: FloatArray) -> tuple[FloatArray, ...]:
        """Where along each axis of positions channels are not 0; as :meth:`measure` takes it.

        Returns:
            For each probe ``(batch, channel, axis)``: the share of rows, and of columns, with
            any such position, 0..1.
        """
        ...

    def canvas(self) -> FloatArray:
        """The canvas of every slot, ``(batch, height, width, channel)``."""
        ...

    def attention(self) -> FloatArray:
        """Where the gradient was, summed over the steps, ``(batch, height, width)``."""
        ...
