"""Names, numbers and sizes as text that is safe inside HTML.

The rule of this module: whatever comes from a model or a file goes through :func:`escape`
before it reaches a page, and a number that is none is called so.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

from layersight.data.model import LayerInfo
from layersight.nouns.activations.result import LayerActivation

NOTHING = "\N{EN DASH}"
"""What stands where there is nothing to say."""


def escape(text: object) -> str:
    """Text for HTML, inside an element or a quoted attribute.

    Control characters and halves of surrogate pairs, which no page may hold, become a mark.

    >>> escape('<img src=x onerror="alert(1)">')
    '&lt;img src=x onerror=&quot;alert(1)&quot;&gt;'
    """
    words = str(text)
    if not words.isprintable():
        words = "".join(
            mark if mark.isprintable() or mark in "\n\t" else "\ufffd" for mark in words
        )
    return html.escape(words, quote=True)


def number(value: float | None) -> str:
    """A number for reading, four significant digits.

    >>> number(0.0123456), number(0.0), number(float("nan"))
    ('0.01235', '0', 'not a number')
    """
    if value is None or math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """A share of one in per cent.

    >>> percent(0.4235), percent(1.0), percent(0)
    ('42.4 %', '100 %', '0 %')
    """
    if not math.isfinite(share):
        return "not a number"
    text = f"{100 * share:.1f}"
    return f"{text.removesuffix('.0')} %"


def size(shape: Iterable[int | None]) -> str:
    """Lengths of axes, ``148 x 148 x 32``."""
    return " x ".join("?" if length is None else str(length) for length in shape) or NOTHING


def output_size(layer: LayerInfo) -> str:
    """The output of a layer without its batch axis, channels last.

    >>> output_size(LayerInfo("conv", "Conv2D", (None, 32, 148, 148), data_format="channels_first"))
    '148 x 148 x 32'
    """
    if layer.output_shape is None:
        return NOTHING
    return size(layer.example_shape or ())


def receptive_field(layer: LayerInfo) -> str:
    """The receptive field of a layer in pixels."""
    return NOTHING if layer.receptive_field is None else size(layer.receptive_field)


def real_size(entry: LayerActivation) -> str:
    """The size that a layer's output has here, ``148 x 148 x 32``."""
    shape = entry.values.shape[1:]
    channels = entry.layer.channels
    return size((*shape[:-1], shape[-1] if channels is None else channels))


def is_vector(entry: LayerActivation) -> bool:
    """Whether each channel has a single position, so that there are no maps."""
    return all(length == 1 for length in entry.values.shape[1:-1])


def dead_count(entry: LayerActivation, images: Iterable[int]) -> str:
    """How many channels are dead, as a range over several images."""
    if is_vector(entry):
        return NOTHING
    counts = [entry.dead(image) for image in images]
    if not counts:
        return NOTHING
    low, high = min(counts), max(counts)
    return f"{low if low == high else f'{low} to {high}'} of {len(entry.channels)}"


def sparsity(entry: LayerActivation, images: Iterable[int]) -> str:
    """The share of zeros, as a range over several images."""
    shares = [entry.sparsity(image) for image in images]
    if not shares:
        return NOTHING
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def digest_short(digest: str) -> str:
    """The beginning of a digest, enough to tell two files apart.

    >>> digest_short("sha256:0123456789abcdef0123")
    'sha256:0123456789ab'
    """
    method, colon, rest = digest.partition(":")
    return method + colon + rest[:12] if colon else digest[:12]
