"""What is climbed: the weighted outputs of layers, less what a pattern should not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from layersight.data.ascent import PIXELS, Ascent, Probe


def measure(probe: Probe, output: Any) -> Any:
    """What a probe finds of each channel, ``(image, channel)``.

    Args:
        probe: Where to look.
        output: Of the layer, channels last, ``(image, ..., channel)``.
    """
    axes = tuple(range(1, len(output.shape) - 1))
    if axes and probe.where == "centre":
        for _ in axes:
            output = output[:, int(output.shape[1]) // 2]
    elif axes:
        output = ops.mean(output, axes)
    return output


def penalty(ascent: Ascent, canvas: Any) -> Any:
    """What the regularisers take from each pattern, ``(batch,)``; ``None`` without any.

    Args:
        ascent: The ascent.
        canvas: ``(batch, height, width, channel)`` of :data:`PIXELS` that are not placed, else
            ``(batch, channel, height, width)``.
    """
    found: Any = None
    axes = (1, 2, 3)
    last = ascent.parameters == PIXELS and not ascent.placed
    if ascent.total_variation:
        planes = ops.transpose(canvas, (0, 3, 1, 2)) if last else canvas
        down = ops.mean(ops.abs(planes[:, :, 1:] - planes[:, :, :-1]), axes)
        right = ops.mean(ops.abs(planes[:, :, :, 1:] - planes[:, :, :, :-1]), axes)
        found = ascent.total_variation * (down + right)
    if ascent.norm:
        middle = 0.0 if ascent.parameters == PIXELS else 0.5
        square = ascent.norm * ops.mean(ops.square(canvas - middle), axes)
        found = square if found is None else found + square
    return found


def likeness(output: Any, group: int) -> Any:
    """How alike the patterns of each group are at a layer: the mean cosine of Gram matrices.

    After the diversity term of Olah et al. (Distill, 2017).

    Args:
        output: ``(pattern, ..., channel)``, the patterns of a group beside each other.
        group: How many they are, at least 2.

    Returns:
        ``(pattern,)``, each with the mean over the others of its group.
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
    ascent: Ascent, outputs: Sequence[Any], weights: Sequence[Any], canvas: Any
) -> tuple[Any, Any]:
    """The objective of each pattern and what is climbed: their sum, less all penalties.

    Args:
        ascent: The ascent.
        outputs: For each probe the output of its layer for every view, channels last.
        weights: For each probe the weights of each pattern, ``(batch, channel)``.
        canvas: As :func:`penalty` takes it.
    """
    values: Any = 0.0
    for probe, output, own in zip(ascent.probes, outputs, weights, strict=True):
        spread = ops.repeat(own, ascent.views, axis=0) if ascent.views > 1 else own
        values = values + ops.sum(measure(probe, output) * spread, -1)
    if ascent.views > 1:
        values = ops.mean(ops.reshape(values, (ascent.batch, ascent.views)), -1)
    total = values
    less = penalty(ascent, canvas)
    if less is not None:
        total = total - less
    if ascent.diversity and ascent.group > 1:
        total = total - ascent.diversity * likeness(outputs[0], ascent.group)
    return values, ops.sum(total)
