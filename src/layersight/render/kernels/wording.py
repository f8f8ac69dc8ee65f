"""Kernels in words, the same in every picture.

The rule of this module: no colour without the weight that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layersight.document.diverging import REACH
from layersight.document.words import count, model_line, number, plural, ranges, size
from layersight.nouns.kernels.parts import as_tiles, broken, is_mixing, limit, limits
from layersight.nouns.kernels.result import Kernels, LayerKernels
from layersight.writers.page import Information

PLUS_MINUS = "\u00b1"
MINUS = "\u2212"


def kernel_size(entry: LayerKernels) -> str:
    """Height, width and inputs of a kernel."""
    return size(entry.values.shape[:3])


def kind_of(entry: LayerKernels) -> str:
    """The type of the layer and the size of its kernels."""
    return f"{entry.layer.type}   {kernel_size(entry)}"


def signed(value: float) -> str:
    """A weight with its sign.

    >>> signed(0.25), signed(-0.25), signed(0.0)
    ('+0.25', '−0.25', '0')
    """
    if value == 0:
        return "0"
    return f"{'+' if value > 0 else MINUS}{number(abs(value))}"


def input_name(channel: int, weight: float | None = None) -> str:
    """The number of an input, with the sign of its weight where it has a single one.

    >>> input_name(7), input_name(7, 0.5), input_name(7, -0.5)
    ('7', '+7', '−7')
    """
    return str(channel) if weight is None else f"{'+' if weight > 0 else MINUS}{channel}"


def layer_facts(entry: LayerKernels) -> str:
    """The line under a layer's name."""
    shown = len(entry.filters)
    facts = [plural(shown, "filter")]
    if entry.filters != tuple(range(shown)):
        facts[0] += f" ({ranges(entry.filters)})"
    facts.append(f"weights {weights_range(entry)}")
    zero, wrong = int(entry.zero.sum()), int(broken(entry).sum())
    facts.append(f"{count(zero)} zero" if zero else "none zero")
    weak = faint(entry)
    if weak:
        facts.append(f"{count(len(weak))} too weak to see ({ranges(weak, 4)})")
    if wrong:
        facts.append(f"{count(wrong)} not numbers")
    return "  \u00b7  ".join(facts)


def faint(entry: LayerKernels) -> tuple[int, ...]:
    """The filters that are not zero and yet look so on the scale of their layer."""
    if not as_tiles(entry):
        return ()
    unseen = (limits(entry) < limit(entry) / REACH / 2) & ~entry.zero & ~broken(entry)
    return tuple(number for number, one in zip(entry.filters, unseen, strict=True) if one)


def weights_range(entry: LayerKernels) -> str:
    """From the least to the greatest finite weight."""
    finite = entry.values[np.isfinite(entry.values)]
    if not finite.size:
        return "not numbers"
    low, high = (signed(float(end)) for end in (finite.min(), finite.max()))
    return low if low == high else f"{low} to {high}"


def bar_marks(entry: LayerKernels) -> dict[float, str]:
    """What the ends and the middle of the colour bar of a layer mean."""
    if as_tiles(entry):
        most = limit(entry)
        return {0.0: signed(-most), 0.5: "0", 1.0: signed(most)}
    return {0.0: f"{MINUS}limit", 0.5: "0", 1.0: "+limit of the row"}


def is_bgr(result: Kernels) -> bool:
    """Whether the first weights are known to get blue first."""
    taker = next((entry for entry in result.model.inputs if entry.accepts_image), None)
    if taker is None:
        return False
    scale = taker.preprocessing
    return (scale is not None and scale.order == "BGR") != taker.swapped


def is_rows(entry: LayerKernels) -> bool:
    """Whether the kernels are shown as rows."""
    return not as_tiles(entry)


def one_scale(layers: Sequence[LayerKernels]) -> str:
    """That each of these layers has one scale, and how far it goes."""
    if len(layers) == 1:
        return f"One scale for the layer, {PLUS_MINUS}{number(limit(layers[0]))}"
    return "One scale for each layer, its limit at its bar"


def captions(result: Kernels) -> tuple[str, ...]:
    """The lines at the foot of every page: the colours, the rows, the model."""
    lines = []
    coloured, single, rows = (
        [entry for entry in result.layers if kind(entry)]
        for kind in (lambda each: each.inputs == 3, lambda each: each.inputs == 1, is_rows)
    )
    if coloured:
        order = "blue, green, red (it takes BGR)" if is_bgr(result) else "red, green, blue"
        lines.append(f"Inputs 0, 1, 2 drawn as {order}; mid grey is 0. {one_scale(coloured)}.")
    if single or rows:
        line = "Blue below 0, pale grey 0, red above."
        line += f" One input: {one_scale(single).lower()}." if single else ""
        line += " Rows: a scale for each filter, \u00b1 under its number." if rows else ""
        lines.append(line)
    if any(not is_mixing(entry) for entry in rows):
        lines.append(
            "In a row: spatial patterns (singular vectors, each on its own scale) with their share "
            "of the kernel's square, then the strongest inputs."
        )
    if any(is_mixing(entry) for entry in rows):
        lines.append(
            "1 \u00d7 1 mixes channels: inputs by size of their weight, + above 0, \u2212 below."
        )
    if any(entry.zero.any() for entry in result.layers):
        lines[-1] += " Crossed grey: every weight is zero."
    lines.append(f"Weights as they are. Model {model_line(result.model)}.")
    return tuple(lines)


def information(result: Kernels, manifest: str = "{}") -> Information:
    """What a file with these pictures says of itself."""
    layers = "; ".join(
        f"{entry.name} {kernel_size(entry)}, filters {ranges(entry.filters)}, "
        f"scale {PLUS_MINUS}{number(limit(entry))}"
        for entry in result.layers[:12]
    )
    if len(result.layers) > 12:
        layers += f" and {len(result.layers) - 12} more"
    caption = f"Kernels of {layers}. " + " ".join(captions(result))
    return Information(f"{result.model.name}: kernels", caption, manifest)
