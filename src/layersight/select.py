"""Choosing layers and channels by what a person types.

The rule of this module: a choice that matches nothing is an error that suggests similar names.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from layersight.data.model import LayerInfo, ModelInfo
from layersight.errors import SelectionError, UnsafeModelError, few, near

LayerSpec = str | int | slice
ChannelSpec = str | int | slice | Iterable[int] | None
LayerSpecs = LayerSpec | Iterable[LayerSpec] | Mapping[LayerSpec, ChannelSpec] | None
"""Layers, also with channels of their own: ``"conv2d:0,4"`` or ``{"conv2d": [0, 4]}``."""

# Longer numbers are no layer and no channel, and int() refuses very long ones.
_SLICE = re.compile(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?(?::(-?[0-9]{1,18})?)?")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
_SPAN = re.compile(r"([0-9]{1,18})?:([0-9]{1,18})?")
_PAIR = re.compile(r"([^:]*[^:0-9\s-][^:]*):\s*([0-9:][0-9:,\s-]*|all)")
_NEXT_LAYER = re.compile(r",(?=\s*[^0-9:,\s-])")


def select_layers(
    layers: Sequence[LayerInfo], specs: LayerSpec | Iterable[LayerSpec] | None
) -> tuple[LayerInfo, ...]:
    """The layers that match any of ``specs``, in the order in which they run.

    A spec is, tried in this order: the name of a layer or its path; the path of a nested model,
    for all layers in it; the name of a shared layer, for all its calls; the last part of a path; a
    slice such as ``:8`` or ``-3:`` or a single number, over the layers that compute; a glob such as
    ``conv2d*``; a type such as ``Conv2D``. Specs in one string are separated by commas. ``None``
    chooses all layers.

    Example:
        >>> layers = [LayerInfo(name, "Conv2D", None) for name in ("stem", "body/conv", "top")]
        >>> [layer.name for layer in select_layers(layers, ["body", ":1"])]
        ['stem', 'body/conv']
    """
    if specs is None:
        return tuple(layers)
    try:
        several = [specs] if isinstance(specs, str | slice | int | np.integer) else list(specs)
    except TypeError:
        raise SelectionError(_bad_spec(specs)) from None
    if not several:
        raise SelectionError("expected at least one layer, found none. Leave it out for all.")
    wanted: set[int] = set()
    for spec in several:
        wanted.update(_match(layers, spec))
    return tuple(layers[index] for index in sorted(wanted))


def select_able(
    info: ModelInfo, specs: LayerSpec | Iterable[LayerSpec] | None
) -> tuple[tuple[LayerInfo, ...], str | None]:
    """The layers that match and can be computed, and a note on those that match and cannot.

    Without specs there is no note, since the model's own notes say where its computation stops.
    ``UnsafeModelError`` is raised if none of the layers that match can be computed.
    """
    chosen = select_layers(info.layers, specs)
    able = tuple(layer for layer in chosen if layer.blocked is None)
    if len(able) == len(chosen):
        return able, None
    if specs is None and not able:
        why = ". ".join(info.notes) or chosen[0].blocked
        raise UnsafeModelError(f"{info.source}: no layer can be computed: {why}")
    if not able:
        raise blocked_error(info.source, info.layers, chosen[0])
    names = [layer.name for layer in chosen if layer.blocked is not None]
    return able, None if specs is None else f"cannot be computed, so not shown: {few(names)}"


def blocked_error(
    source: str, layers: Sequence[LayerInfo], layer: LayerInfo, instead: str | None = None
) -> UnsafeModelError:
    """The error for a chosen layer that cannot be computed, with an alternative."""
    able = [other.blocked is None for other in layers]
    count = able.index(False) if False in able else 0
    if instead is None and count and not any(able[count:]):
        instead = f"--layers :{count} chooses the layers before it"
    return UnsafeModelError(f"{source}: {layer.blocked}{f'; {instead}' if instead else ''}")


def _match(layers: Sequence[LayerInfo], spec: LayerSpec) -> list[int]:
    """The indices of the layers that match one spec."""
    if isinstance(spec, slice):
        return _slice(layers, spec, _slice_text(spec))
    if isinstance(spec, int | np.integer):
        number = int(spec)
        return _slice(layers, slice(number, number + 1 or None), str(number))
    if not isinstance(spec, str):
        raise SelectionError(_bad_spec(spec))
    text = spec.strip()
    if named := _match_name(layers, text):
        return named
    if match := _SLICE.fullmatch(text):
        return _slice(
            layers, slice(*(int(part) if part else None for part in match.groups())), text
        )
    if _NUMBER.fullmatch(text):
        return _match(layers, int(text))
    if "," in text and text.strip(", "):
        return [index for part in text.split(",") if part.strip() for index in _match(layers, part)]
    if matches := _match_pattern(layers, text):
        return matches
    raise SelectionError(_no_match(layers, text))


def _bad_spec(value: object) -> str:
    return (
        "expected a layer as a name, a glob, a type, a slice or a number, found "
        f"{type(value).__name__} {_short(repr(value))}"
    )


def _slice_text(chosen: slice) -> str:
    """The text of a slice, as in brackets."""
    parts = [chosen.start, chosen.stop, *([] if chosen.step is None else [chosen.step])]
    return ":".join("" if part is None else str(part) for part in parts)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _match_name(layers: Sequence[LayerInfo], text: str) -> list[int]:
    """Exact name, then nested model, then calls of a shared layer, then last part of a path."""
    tests: tuple[Callable[[str], bool], ...] = (
        lambda name: name == text,
        lambda name: name.startswith(text + "/") or _plain(name).startswith(text + "/"),
        lambda name: _plain(name) == text,
        lambda name: name.rpartition("/")[2] == text,
    )
    for test in tests:
        if matches := [index for index, layer in enumerate(layers) if test(layer.name)]:
            return matches
    return []


def _plain(name: str) -> str:
    """A name without the numbers of its calls."""
    return re.sub(r"@\d+(?=/|$)", "", name)


def _match_pattern(layers: Sequence[LayerInfo], text: str) -> list[int]:
    """A glob over paths, or over their last parts if it has no slash; then a type."""
    matches = [
        index
        for index, layer in enumerate(layers)
        if fnmatchcase(layer.name, text)
        or ("/" not in text and fnmatchcase(layer.name.rpartition("/")[2], text))
    ]
    if matches:
        return matches
    return [index for index, layer in enumerate(layers) if layer.type.casefold() == text.casefold()]


def _slice(layers: Sequence[LayerInfo], chosen: slice, text: str) -> list[int]:
    try:
        indices = list(range(len(layers)))[chosen]
    except (TypeError, ValueError) as error:
        raise SelectionError(f"layers '{_short(text)}': {error}") from None
    if not indices:
        raise SelectionError(
            f"layers '{_short(text)}' choose nothing: the model has {_count_text(layers)}"
        )
    return indices


def _count_text(layers: Sequence[LayerInfo]) -> str:
    if not layers:
        return "no layers that compute"
    if len(layers) == 1:
        return "one layer that computes, 0"
    return f"{len(layers)} layers that compute, 0 to {len(layers) - 1}"


def _no_match(layers: Sequence[LayerInfo], text: str) -> str:
    names = [layer.name for layer in layers]
    hint = near(text, [*names, *dict.fromkeys(layer.type for layer in layers)])
    if not hint and names:
        examples = ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > 4 else "")
        hint = f" The model has {len(names)}: {examples}."
    return f"no layer '{_short(text)}'.{hint} 'layersight summary MODEL' lists them all."


def split_channels(
    layers: Sequence[LayerInfo], specs: LayerSpecs
) -> tuple[LayerSpec | Iterable[LayerSpec] | None, dict[str, ChannelSpec]]:
    """Separates the channels from specs such as ``block3_conv1:0,4``.

    Numbers after the colon of a layer's name are channels, up to the next name. Returned are the
    layers, as :func:`select_layers` takes them, and by the layer's name the channels of those with
    their own.

    Example:
        >>> layers = [LayerInfo(name, "Conv2D", None) for name in ("stem", "body", "top")]
        >>> split_channels(layers, ["stem:0,4,body:1", "top"])
        (['stem', 'body', 'top'], {'stem': '0,4', 'body': '1'})
        >>> split_channels(layers, {"stem": [0, 4]})
        (['stem'], {'stem': [0, 4]})
    """
    if specs is None or isinstance(specs, slice | int | np.integer):
        return specs, {}
    pairs: list[tuple[LayerSpec, ChannelSpec]] = []
    if isinstance(specs, Mapping):
        pairs = list(specs.items())
    else:
        try:
            several = [specs] if isinstance(specs, str) else list(specs)
        except TypeError:
            raise SelectionError(_bad_spec(specs)) from None
        for spec in several:
            pairs += _pairs(layers, spec)
    channels_of: dict[str, ChannelSpec] = {}
    for spec, channels in pairs:
        if channels is None:
            continue
        for layer in select_layers(layers, spec):
            before = channels_of.get(layer.name)
            joined = isinstance(before, str) and isinstance(channels, str)
            channels_of[layer.name] = f"{before},{channels}" if joined else channels
    return [spec for spec, _ in pairs], channels_of


def _pairs(layers: Sequence[LayerInfo], spec: LayerSpec) -> list[tuple[LayerSpec, ChannelSpec]]:
    """A spec as layers with their channels, ``None`` without."""
    if not isinstance(spec, str) or ":" not in spec or _match_name(layers, spec.strip()):
        return [(spec, None)]
    parts = [part.strip() for part in _NEXT_LAYER.split(spec)]
    matches = [_PAIR.fullmatch(part) for part in parts]
    if not any(matches):
        return [(spec, None)]
    return [
        (part, None) if match is None else (match[1].strip(), match[2].rstrip(", "))
        for part, match in zip(parts, matches, strict=True)
    ]


def choose_channels(
    counts: Mapping[str, int], spec: ChannelSpec, own: Mapping[str, ChannelSpec]
) -> dict[str, tuple[int, ...]]:
    """The channels of each layer; none if a layer has none of the requested ones.

    Args:
        counts: How many channels each layer has, by its name.
        spec: The channels of all other layers, the widest of which must have them; ``None`` for
            all channels.
        own: The channels of single layers.

    Example:
        >>> choose_channels({"stem": 2, "body": 8}, "1,5", {}), choose_channels(
        ...     {"stem": 2, "body": 8}, None, {"body": 3}
        ... )
        ({'stem': (1,), 'body': (1, 5)}, {'stem': (0, 1), 'body': (3,)})
    """
    others = [name for name in counts if name not in own]
    chosen = {
        name: parse_channels(own[name], counts[name], layer=name) for name in counts if name in own
    }
    if others:
        widest = max(others, key=lambda name: counts[name])
        wanted = parse_channels(spec, counts[widest], layer=widest)
        chosen |= {
            name: tuple(number for number in wanted if number < counts[name]) for name in others
        }
    return {name: chosen[name] for name in counts}


def parse_channels(spec: ChannelSpec, count: int, *, layer: str | None = None) -> tuple[int, ...]:
    """The numbers of the channels that ``spec`` chooses, in rising order.

    Args:
        spec: ``"0,3,5-9"`` (5 to 9, both), ``"0:16"`` (16 not counted), a number, a slice,
            numbers, or ``None`` or ``"all"`` for all.
        count: How many channels there are.
        layer: The name of the layer that has them, for an error.

    Raises:
        SelectionError: The spec cannot be read, or names a channel that is not there.

    Example:
        >>> parse_channels("0,3,5-9", 32)
        (0, 3, 5, 6, 7, 8, 9)
        >>> parse_channels("30:", 32)
        (30, 31)
    """
    where = f"layer '{layer}': " if layer is not None else ""
    if spec is None or (isinstance(spec, str) and spec == "all"):
        return tuple(range(count))
    chosen: set[int] = set()
    for first, end in _spans(spec, count):
        for number in (first, end - 1):
            if not 0 <= number < count:
                raise SelectionError(
                    f"{where}no channel {number}: expected 0 to {count - 1}, the layer has {count}"
                    if count
                    else f"{where}no channel {number}: the layer has none"
                )
        chosen.update(range(first, end))
    if not chosen:
        raise SelectionError(
            f"{where}channels '{_channels_text(spec)}' choose none of the {count} channels"
        )
    return tuple(sorted(chosen))


def lacking_note(chosen: Mapping[str, Sequence[int]]) -> str | None:
    """A note on the layers that have none of the requested channels, which are not shown.

    >>> lacking_note({"stem": (), "body": (6,)})
    'without the channels asked for, so not shown: stem'
    """
    lacking = [name for name, numbers in chosen.items() if not numbers]
    return f"without the channels asked for, so not shown: {few(lacking)}" if lacking else None


def _spans(spec: str | int | slice | Iterable[int], count: int) -> list[tuple[int, int]]:
    """Numbers and ranges as pairs of the first and the one after the last; no pair is empty."""
    if isinstance(spec, str):
        return [_parse_part(part.strip(), spec, count) for part in spec.split(",")]
    try:
        if isinstance(spec, slice):
            numbers = list(range(count)[spec])
        elif isinstance(spec, int | np.integer):
            numbers = [int(spec)]
        else:
            numbers = [operator.index(number) for number in spec]
    except (TypeError, ValueError) as error:
        raise SelectionError(
            f"expected channels as 0,3,5-9, 0:16 or whole numbers, found "
            f"{_channels_text(spec)} ({error})"
        ) from None
    return [(number, number + 1) for number in numbers]


def _channels_text(spec: object) -> str:
    return _short(_slice_text(spec) if isinstance(spec, slice) else str(spec))


def _parse_part(part: str, spec: str, count: int) -> tuple[int, int]:
    if match := _RANGE.fullmatch(part):
        first, end = int(match[1]), int(match[2] or match[1]) + 1
    elif part and (match := _SPAN.fullmatch(part)):
        first = int(match[1] or 0)
        end = int(match[2]) if match[2] else max(count, first + 1)
    else:
        raise SelectionError(
            f"channels '{_short(spec)}': expected numbers, ranges and slices such as 0,3,5-9 or "
            f"0:16, found '{_short(part)}'"
        )
    if first >= end:
        raise SelectionError(f"channels '{_short(spec)}': '{part}' is empty, its end comes first")
    return first, end
