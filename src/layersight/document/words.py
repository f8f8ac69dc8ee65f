"""Numbers, sizes and names in words, the same in every document."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from layersight.data.image import InputImage
from layersight.data.model import LayerInfo, ModelInfo
from layersight.document.blocks import Note
from layersight.version import __version__

TIMES = "\u00d7"  # the sign between the sides of a size
DASH = "\u2013"  # the sign between the ends of a range, and for no value
MINUS = "\u2212"
PLUS_MINUS = "\u00b1"
DOT = "  \u00b7  "  # between the facts of a line
MOST_NAMED = 12  # the most layers or maps named in the text of a file


def count(number: int) -> str:
    """A whole number, grouped.

    >>> count(3453121)
    '3,453,121'
    """
    return f"{number:,}"


def sentence(words: str) -> str:
    """Words as a sentence.

    >>> sentence("values as they are, cut to 0..255")
    'Values as they are, cut to 0..255.'
    """
    return f"{words[:1].upper()}{words[1:]}."


def percent(share: float) -> str:
    """A share of 0..1; never rounded to nothing or to all.

    >>> percent(0.214), percent(0.005), percent(0.995), percent(0)
    ('21%', '<1%', '>99%', '0%')
    """
    if 0 < share <= 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def fine_percent(share: float) -> str:
    """A share of 0..1 to a hundredth of a percent; never rounded to nothing or to all.

    >>> fine_percent(0.21432), fine_percent(0.1), fine_percent(0.999999), fine_percent(1e-7)
    ('21.43%', '10%', '>99.99%', '<0.01%')
    """
    if 0 < share < 0.00005:
        return "<0.01%"
    if 0.99995 <= share < 1:
        return ">99.99%"
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def number(value: float) -> str:
    """A number with three digits.

    >>> number(0.12345), number(-0.0), number(1234567.0), number(123.4)
    ('0.123', '0', '1.23e+06', '123')
    """
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinite" if value > 0 else "-infinite")
    return f"{value + 0.0:.3g}"


def size(shape: Iterable[int | None]) -> str:
    """A shape without its batch.

    >>> size((148, 148, 32)), size((None, 10))
    ('148 × 148 × 32', '? × 10')
    """
    return f" {TIMES} ".join("?" if side is None else str(side) for side in shape)


def plural(amount: int, noun: str) -> str:
    """An amount with its noun.

    >>> plural(1, "map"), plural(2048, "map"), plural(0, "map")
    ('1 map', '2,048 maps', 'no maps')
    """
    return f"{count(amount) if amount else 'no'} {noun}{'' if amount == 1 else 's'}"


def span(first: int | str, last: int | str) -> str:
    return f"{first}{DASH}{last}"


def ranges(numbers: Sequence[int], limit: int = 8) -> str:
    """Ascending numbers, runs as ranges.

    >>> ranges([0, 1, 2, 5])
    '0–2, 5'
    """
    runs: list[list[int]] = []
    for value in numbers:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    words = [str(first) if first == last else span(first, last) for first, last in runs]
    return ", ".join(words[:limit]) + (", …" if len(words) > limit else "")


def output_size(info: LayerInfo) -> str:
    """The size of a layer's output, channels last, without the batch."""
    if info.output_shape is None:
        return DASH
    return size(info.example_shape or (1,))


def brief(name: str, limit: int = 48) -> str:
    """A name of at most ``limit`` characters, cut in the middle.

    >>> brief("abcdefghij", 5)
    'ab…ij'
    """
    if len(name) <= limit:
        return name
    return name[: limit // 2] + "…" + name[-(limit // 2) :]


def short_digest(digest: str) -> str:
    """The first characters of a digest.

    >>> short_digest("sha256:" + "0123456789abcdef" * 4)
    'sha256 0123456789ab'
    """
    kind, _, value = digest.rpartition(":")
    return f"{kind} {value[:12]}".strip()


def model_line(model: ModelInfo) -> str:
    """The model, its digest and the versions."""
    file = f"{brief(model.source)}, {short_digest(model.digest)}"
    return f"{file}; {model.framework}; layersight {__version__}"


def input_line(image: InputImage) -> str:
    """The image and its preprocessing."""
    return f"{brief(image.name)}, {scale_line(image)}"


def scale_line(image: InputImage) -> str:
    """How an image is scaled for the network, and why."""
    scale = image.preprocessing
    unscaled = image.values.ndim != 3 and image.region is None
    formula = "values as they are" if unscaled else scale.describe()
    return f"{formula} ({scale.reason})"


def axes_line(axes: tuple[str, ...]) -> str:
    """What rows, columns and maps are, if they are no positions in a picture.

    >>> axes_line(("query", "key", "head"))
    'rows: query, columns: key, maps: head'
    """
    rows, columns, maps = axes
    return f"rows: {rows}, columns: {columns}, maps: {maps}"


def model_facts(model: ModelInfo) -> tuple[str, str]:
    """The lines under a model's name: its file; its layers, parameters, inputs and versions."""
    inputs = ", ".join(size(entry.shape[1:]) for entry in model.inputs)
    return (
        f"{model.source}{DOT}{short_digest(model.digest)}",
        DOT.join(
            (
                plural(len(model.layers), "layer"),
                plural(model.parameters, "parameter"),
                *([f"input {inputs}"] if inputs else []),
                model.framework,
                f"layersight {__version__}",
            )
        ),
    )


def result_notes(notes: Sequence[str]) -> tuple[Note, ...]:
    """Notes on what was chosen or left out, if anything.

    Rewrites made to open the model do not change what it computes, and are in its summary and the
    manifest instead.
    """
    lines = tuple(dict.fromkeys(notes))
    return (Note(lines, "Notes", most=8),) if lines else ()


def finite(value: object) -> object:
    """A number for JSON: ``None`` if it is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def specification(numbers: Sequence[int]) -> str:
    """Ascending numbers as a SPEC.

    >>> specification((0, 1, 2, 5))
    '0-2,5'
    """
    return ranges(numbers, len(numbers)).replace(DASH, "-").replace(" ", "")


def file_name(name: str) -> str:
    """A layer's name as part of a file's.

    >>> file_name("mobilenet/conv 1")
    'mobilenet-conv_1'
    """
    return re.sub(r"[^\w.@-]", "_", name.replace("/", "-"))[:80] or "layer"
