"""The range of every number in the settings of a layer, by what the number means.

The rule of this module: a number is checked before any class sees it. What a setting of a name
below may be follows from its meaning; every other number must at least be one that a layer can
compute with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from layersight.data.saved import Config
from layersight.errors import ModelFileError

MAX_INTEGER = 2**31 - 1  # beyond it the compiled parts of a backend may end the whole process
MAX_FLOAT = 3.4028234663852886e38  # the largest number of single precision (IEEE 754)

# How many numbers a setting may have that is one for each axis, or for each side of it.
MAX_LIST = 64


@dataclass(frozen=True, slots=True)
class Range:
    """What the numbers of a setting may be."""

    least: float  # the smallest
    most: float  # the largest
    words: str  # what they are, in words
    whole: bool = True  # whether a flag in their place is refused
    long: bool = False  # whether there may be many
    infinite: bool = False  # whether they may be infinite, or no number at all
    also: int | None = None  # a further value that has a meaning of its own

    def holds(self, value: object) -> bool:
        """Whether a value is no number, or one of this range."""
        if isinstance(value, bool):
            return not self.whole
        if not isinstance(value, int | float):
            return True
        if isinstance(value, float) and not math.isfinite(value):
            return self.infinite
        return self.least <= value <= self.most or value == self.also


WINDOW = Range(1, 10**6, f"integers from 1 to {10**6}")
GROUPS = Range(1, 10**6, f"integers from 1 to {10**6}, or -1 for one a channel", also=-1)
COUNT = Range(1, MAX_INTEGER, f"integers from 1 to {MAX_INTEGER}")
BUCKETS = Range(0, 10**6, f"integers from 0 to {10**6}")  # listed one by one
NONE_OR_MORE = Range(0, MAX_INTEGER, f"integers from 0 to {MAX_INTEGER}")
PLACE = Range(-MAX_INTEGER, MAX_INTEGER, f"integers from {-MAX_INTEGER} to {MAX_INTEGER}")
SHARE = Range(0, 1, "numbers from 0 to 1", whole=False)
SMALL = Range(0, 1e6, "numbers from 0 to 1000000", whole=False)
VALUE = Range(
    -MAX_FLOAT, MAX_FLOAT, "numbers of single precision", whole=False, long=True, infinite=True
)
NUMBER = Range(-MAX_FLOAT, MAX_FLOAT, "finite numbers of single precision", whole=False, long=True)

# What the numbers of a setting of that name may be, in any layer or operation.
BY_NAME: dict[str, Range] = {
    **dict.fromkeys(("strides", "pool_size", "dilation_rate", "kernel_size"), WINDOW),
    "groups": GROUPS,
    **dict.fromkeys(("size", "filters", "depth_multiplier", "block_size"), WINDOW),
    **dict.fromkeys(("height", "width", "target_height", "target_width", "crop_size"), WINDOW),
    **dict.fromkeys(("rank", "lora_rank", "num_outputs", "indices_or_sections"), WINDOW),
    **dict.fromkeys(("units", "input_dim", "output_dim", "n", "nb_feature"), COUNT),
    **dict.fromkeys(("num_heads", "num_query_heads", "num_key_value_heads"), COUNT),
    **dict.fromkeys(("key_dim", "value_dim", "head_dim", "num_bins", "num_tokens"), COUNT),
    **dict.fromkeys(("max_tokens", "output_sequence_length", "num_mel_bins"), COUNT),
    **dict.fromkeys(("frame_length", "frame_step", "fft_length", "sequence_length"), COUNT),
    **dict.fromkeys(("sequence_stride", "sampling_rate", "max_sequence_length"), COUNT),
    "num_oov_indices": BUCKETS,
    **dict.fromkeys(("num_classes", "depth", "num"), NONE_OR_MORE),
    **dict.fromkeys(("target_shape", "dims", "axis", "axes", "padding", "cropping"), PLACE),
    **dict.fromkeys(("rate", "dropout", "recurrent_dropout", "momentum"), SHARE),
    **dict.fromkeys(("epsilon", "stddev", "lora_alpha"), SMALL),
    **dict.fromkeys(("max_value", "x_min", "x_max", "fill_value", "constant_values"), VALUE),
    **dict.fromkeys(("nan", "posinf", "neginf", "initial", "mask_value"), VALUE),
}


def check_settings(settings: Config, where: str) -> None:
    """Refuses numbers that no layer can take, before compiled code sees them."""
    for key, value in settings.items():
        if not isinstance(value, bool | int | float | list | tuple | dict):
            continue
        allowed = BY_NAME.get(key, NUMBER)
        numbers = leaves(value)
        if not allowed.long and len(numbers) > MAX_LIST:
            raise ModelFileError(
                f"{where} has the setting '{key}' with {len(numbers)} numbers: expected at most "
                f"{MAX_LIST}"
            )
        for number in numbers:
            if not allowed.holds(number):
                raise ModelFileError(
                    f"{where} has the setting '{key}' = {in_short(number)}: expected "
                    f"{allowed.words}"
                )


def leaves(value: object) -> list[object]:
    """What a setting holds, with lists and mappings laid flat."""
    found: list[object] = []
    waiting: list[object] = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | tuple):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        else:
            found.append(part)
    return found


def largest_number(settings: object) -> str:
    """The setting with the largest number, for a message: ``units = 1000000000``; or nothing."""
    if not isinstance(settings, dict):
        return ""
    found = [
        (abs(number), key)
        for key, value in settings.items()
        for number in leaves(value)
        if isinstance(number, int | float) and not isinstance(number, bool)
    ]
    if not found:
        return ""
    key = max(found)[1]
    return f"{key!s:.40} = {in_short(settings[key])}"


def in_short(value: object) -> str:
    """A value as text of bounded length; Python refuses to write an endless integer."""
    try:
        return f"{value!r:.60}"
    except ValueError:
        return "a number of thousands of digits"
