"""From parameters to a canvas, to the input of the network, and to what is maximised.

The objective is a weighted sum of outputs of layers, less penalties. The Fourier parametrisation
and the decorrelated colours are those of Olah, Mordvintsev and Schubert, "Feature Visualization",
Distill, 2017; the fixed magnitudes those of Fel et al., "Unlocking Feature Visualization for Deeper
Networks with MAgnitude Constrained Optimization", arXiv 2306.06805; Adam is that of Kingma and Ba,
arXiv 1412.6980; the normalised gradient that of Chollet, "Deep Learning with Python", 2017, section
5.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from keras import ops

from layersight.data.arrays import FloatArray
from layersight.data.ascent import FOURIER, PIXELS, Ascent, Probe
from layersight.frameworks.keras.backends import inverse, sample
from layersight.frameworks.keras.types import Structure, Tensor, Tensors


def draw(ascent: Ascent, parameters: Sequence[Tensor]) -> Tensor:
    """The unbounded planes of every slot, ``(batch, channel, height, width)``."""
    if ascent.parameters == PIXELS:
        return ops.transpose(parameters[0], (0, 3, 1, 2))
    if ascent.parameters == FOURIER:
        planes = _inverse(parameters[0], parameters[1], ascent)
    else:
        planes = _inverse(ops.cos(parameters[0]), ops.sin(parameters[0]), ascent)
        axes = (-3, -2, -1)
        planes = planes - ops.mean(planes, axes, keepdims=True)
        planes = planes / (ops.std(planes, axes, keepdims=True) + 1e-5)
    if ascent.colours is not None:
        shape = tuple(int(n) for n in planes.shape)
        flat = ops.reshape(planes, (*shape[:2], -1))
        colours = np.broadcast_to(ascent.colours, (shape[0], *ascent.colours.shape))
        planes = ops.reshape(ops.matmul(ops.convert_to_tensor(colours.copy()), flat), shape)
    return planes


def bound(ascent: Ascent, planes: Tensor) -> Tensor:
    """The planes of the canvas of every slot: within 0..1, except for :data:`PIXELS`."""
    return planes if ascent.parameters == PIXELS else ops.sigmoid(planes)


def _inverse(real: Tensor, imaginary: Tensor, ascent: Ascent) -> Tensor:
    """The inverse of a real Fourier transform in two dimensions, ``(batch, channel, h, w)``."""
    scale = np.asarray(ascent.spectrum, np.float32) * float(np.prod(ascent.size)) ** 0.5
    factor = ops.convert_to_tensor(scale.astype("float32"))
    parts = _symmetric(real * factor, 1.0, ascent), _symmetric(imaginary * factor, -1.0, ascent)
    return inverse(*parts, ascent.size)


def _symmetric(part: Tensor, sign: float, ascent: Ascent) -> Tensor:
    """Coefficients of which those whose conjugate is in the same half agree with it.

    Half of the coefficients of a real signal determine it, but this half contains both of a pair
    in its first column, and for an even width in its last: for a pair that disagrees the result of
    most transforms is undefined.
    """
    height, width = ascent.size
    opposite = (-np.arange(height)) % height

    def average(column: Tensor) -> Tensor:
        return 0.5 * (column + sign * ops.take(column, opposite, axis=2))

    half = width // 2 + 1
    last = half - 1 if width % 2 == 0 and half > 1 else half
    columns = [average(part[..., :1]), part[..., 1:last]]
    if last < half:
        columns.append(average(part[..., last:]))
    return ops.concatenate(columns, axis=-1)


def network_input(ascent: Ascent, planes: Tensor, sampling: Structure | None) -> Tensor:
    """The input of the network: each canvas, sampled through placements bilinearly.

    Args:
        ascent: The ascent; views have the size of its canvases.
        planes: ``(batch, channel, height, width)``.
        sampling: From :func:`layersight.frameworks.keras.backends.make_sampling`; ``None`` for the
            canvas as it is, in one view.

    Returns:
        ``(batch * views, height, width, channel)``, in the scale that the network takes.
    """
    channels = int(planes.shape[1])
    gain, shift = np.asarray(ascent.gain, np.float32), np.asarray(ascent.shift, np.float32)
    if ascent.parameters == PIXELS:
        gain, shift = np.ones_like(gain), np.zeros_like(shift)
    elif ascent.flip:
        planes = ops.flip(planes, 1)
    outside = np.full(channels, 0.0, np.float32)
    if sampling is not None:
        outside += ascent.outside
    planes = (planes - _as_planes(outside)) * _as_planes(gain)
    middle = ops.convert_to_tensor(outside * gain + shift)
    if sampling is None:
        return ops.transpose(planes, (0, 2, 3, 1)) + middle
    return sample(planes, sampling) + middle


def _as_planes(values: FloatArray) -> Tensor:
    return ops.convert_to_tensor(values[:, None, None])


BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # the constants of Adam
FLOOR = 1e-5  # added to the root mean square by which a gradient is divided
TINY = 1e-30  # added to the length by which a gradient is divided before Adam


def measure(probe: Probe, output: Tensor) -> Tensor:
    """The measurement of a probe for each channel, ``(image, channel)``.

    ``output`` is that of the layer, ``(image, ..., channel)``.
    """
    axes = tuple(range(1, len(output.shape) - 1))
    if axes and probe.where == "centre":
        for _ in axes:
            output = output[:, int(output.shape[1]) // 2]
    elif axes:
        output = ops.mean(output, axes)
    return output


def active_shares(output: Tensor) -> Tensor:
    """The share of rows, columns, ... that have a position at which a channel is not 0, in 0..1.

    Args:
        output: Of a layer, channels last, ``(image, ..., channel)``.

    Returns:
        ``(image, channel, axis)``; one axis for a layer without positions.
    """
    active = ops.cast(ops.not_equal(output, 0), output.dtype)
    axes = tuple(range(1, len(output.shape) - 1))
    if not axes:
        return active[..., None]
    others = [tuple(other for other in axes if other != axis) for axis in axes]
    along = [ops.max(active, rest) if rest else active for rest in others]
    return ops.stack([ops.mean(values, 1) for values in along], -1)


def penalty(ascent: Ascent, canvas: Tensor) -> Tensor | None:
    """The penalty of the regularisers for each pattern, ``(batch,)``; ``None`` without any.

    Args:
        ascent: The ascent.
        canvas: ``(batch, height, width, channel)`` for :data:`PIXELS` without placements, else
            ``(batch, channel, height, width)``.
    """
    total: Tensor | None = None
    axes = (1, 2, 3)
    last = ascent.parameters == PIXELS and not ascent.has_placements
    if ascent.total_variation:
        planes = ops.transpose(canvas, (0, 3, 1, 2)) if last else canvas
        down = ops.mean(ops.abs(planes[:, :, 1:] - planes[:, :, :-1]), axes)
        right = ops.mean(ops.abs(planes[:, :, :, 1:] - planes[:, :, :, :-1]), axes)
        total = ascent.total_variation * (down + right)
    if ascent.norm:
        middle = 0.0 if ascent.parameters == PIXELS else 0.5
        square = ascent.norm * ops.mean(ops.square(canvas - middle), axes)
        total = square if total is None else total + square
    return total


def similarity(output: Tensor, group: int) -> Tensor:
    """How similar the patterns of each group are at a layer: the mean cosine of Gram matrices.

    After the diversity term of Olah et al. (Distill, 2017).

    Args:
        output: ``(pattern, ..., channel)``, the patterns of a group next to each other.
        group: The size of a group, at least 2.

    Returns:
        ``(pattern,)``, for each the mean over the others of its group.
    """
    count, channels = int(output.shape[0]), int(output.shape[-1])
    flat = ops.reshape(output, (count, -1, channels))
    gram = ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
    gram = ops.reshape(gram, (count // group, group, channels * channels))
    gram = gram / (ops.sqrt(ops.sum(ops.square(gram), -1, keepdims=True)) + 1e-10)
    cosine = ops.matmul(gram, ops.transpose(gram, (0, 2, 1)))
    others = (ops.sum(cosine, -1) - 1.0) / (group - 1)
    return ops.reshape(others, (count,))


def objective(
    ascent: Ascent, outputs: Sequence[Tensor], weights: Sequence[Tensor], canvas: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The objective of each pattern, and what is maximised: their sum less all penalties.

    Args:
        ascent: The ascent.
        outputs: The output of the layer of each probe for every view, channels last.
        weights: The weights of each pattern for each probe, ``(batch, channel)``.
        canvas: As in :func:`penalty`; ``None`` where nothing is penalised.
    """
    parts = []
    for probe, output, weight in zip(ascent.probes, outputs, weights, strict=True):
        weight = ops.repeat(weight, ascent.views, axis=0) if ascent.views > 1 else weight
        parts.append(ops.sum(measure(probe, output) * weight, -1))
    values = sum(parts[1:], parts[0])
    if ascent.views > 1:
        values = ops.mean(ops.reshape(values, (ascent.batch, ascent.views)), -1)
    total = values
    penalties = None if canvas is None else penalty(ascent, canvas)
    if penalties is not None:
        total = total - penalties
    if ascent.diversity and ascent.group > 1:
        total = total - ascent.diversity * similarity(outputs[0], ascent.group)
    return values, ops.sum(total)


def moment_names(parameters: Iterable[str], update: str) -> list[str]:
    """The names in a state of the moments of Adam."""
    if update != "adam":
        return []
    return [f"{moment}:{name}" for name in parameters for moment in ("first", "second")]


def updated(update: str, rates: Tensor, state: Tensors, gradients: Mapping[str, Tensor]) -> Tensors:
    """The state after a step, whose size differs by slot; ``age`` counts the steps of each.

    Adam gets the gradient of each slot at the same length: that of a channel which has just become
    active is far shorter than the one that leaked to it, and would have no effect after it.
    """
    age = state["age"] + 1.0
    after: Tensors = {"age": age}
    scale = 1.0 / (gradient_length(gradients) + TINY)
    # The corrections of the bias of both moments.
    correct_1, correct_2 = 1 - ops.power(BETA_1, age), ops.sqrt(1 - ops.power(BETA_2, age))
    for name, gradient in gradients.items():
        by_slot = (-1,) + (1,) * (len(gradient.shape) - 1)
        if update == "adam":
            gradient = gradient * ops.reshape(scale, by_slot)
            first = BETA_1 * state[f"first:{name}"] + (1 - BETA_1) * gradient
            second = BETA_2 * state[f"second:{name}"] + (1 - BETA_2) * ops.square(gradient)
            after |= {f"first:{name}": first, f"second:{name}": second}
            root = ops.sqrt(second) + ops.reshape(EPSILON * correct_2, by_slot)
            step = first / root
            size = rates * correct_2 / correct_1
        else:
            axes = tuple(range(1, len(gradient.shape)))
            square = ops.mean(ops.square(gradient), axes, keepdims=True)
            step = gradient / (ops.sqrt(square) + FLOOR)
            size = rates
        after[name] = state[name] + ops.reshape(size, by_slot) * step
    return after


def gradient_length(gradients: Mapping[str, Tensor]) -> Tensor:
    """The root mean square of each slot's gradient, ``(batch,)``."""
    squares = [
        ops.mean(ops.square(gradient), tuple(range(1, len(gradient.shape))))
        for gradient in gradients.values()
    ]
    return ops.sqrt(sum(squares[1:], squares[0]))
