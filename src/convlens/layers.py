"""Choosing layers and channels by what a person types.

The rule of this module: a choice that matches nothing is an error that names what is near.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from convlens.errors import SelectionError, near
from convlens.results import LayerInfo

LayerSpec = str | int | slice
_SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d+))?")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_SPAN = re.compile(r"(\d*):(\d*)")


def select_layers(
    layers: Sequence[LayerInfo], specs: LayerSpec | Iterable[LayerSpec] | None
) -> tuple[LayerInfo, ...]:
    """The layers that match any of ``specs``, in the order in which they run.

    A spec is, tried in this order: the name of a layer or its path; the path of a nested
    model, which stands for all layers in it; the name of a shared layer, which stands for
    all its calls; the last part of a path; a slice such as ``:8`` or ``-3:`` or a single
    number, over the layers that compute; a glob such as ``conv2d*``; a type such as
    ``Conv2D``. Several specs may stand in one string, separated by commas.

    Args:
        layers: The layers of a model.
        specs: What to choose; ``None`` chooses all.

    Raises:
        SelectionError: A spec matches no layer.

    Example:
        >>> layers = [LayerInfo(name, "Conv2D", None) for name in ("stem", "body/conv", "top")]
        >>> [layer.name for layer in select_layers(layers, ["body", ":1"])]
        ['stem', 'body/conv']
    """
    if specs is None:
        return tuple(layers)
    wanted: set[int] = set()
    for spec in [specs] if isinstance(specs, str | int | slice) else specs:
        wanted.update(_match(layers, spec))
    return tuple(layers[place] for place in sorted(wanted))


def _match(layers: Sequence[LayerInfo], spec: LayerSpec) -> list[int]:
    """The places of the layers that match one spec."""
    if isinstance(spec, slice):
        return _slice(layers, spec, str(spec))
    if isinstance(spec, int):
        return _slice(layers, slice(spec, spec + 1 or None), str(spec))
    text = spec.strip()
    found = _match_name(layers, text)
    if found:
        return found
    if match := _SLICE.fullmatch(text):
        start, stop, step = (int(part) if part else None for part in match.groups())
        if step == 0:
            raise SelectionError(f"layers '{text}': expected a step other than 0")
        return _slice(layers, slice(start, stop, step), text)
    if re.fullmatch(r"-?\d+", text):
        return _match(layers, int(text))
    if "," in text:
        return [place for part in text.split(",") if part.strip() for place in _match(layers, part)]
    found = _match_pattern(layers, text)
    if found:
        return found
    raise SelectionError(_nothing(layers, text))


def _match_name(layers: Sequence[LayerInfo], text: str) -> list[int]:
    """Exact name, then nested model, then calls of a shared layer, then last part of a path."""
    tests = (
        lambda name: name == text,
        lambda name: name.startswith(text + "/") or _plain(name).startswith(text + "/"),
        lambda name: _plain(name) == text,
        lambda name: name.rpartition("/")[2] == text,
    )
    for test in tests:
        found = [place for place, layer in enumerate(layers) if test(layer.name)]
        if found:
            return found
    return []


def _plain(name: str) -> str:
    """A name without the numbers of its calls."""
    return re.sub(r"@\d+(?=/|$)", "", name)


def _match_pattern(layers: Sequence[LayerInfo], text: str) -> list[int]:
    """A glob over paths, or over their last parts if it has no slash; then a type."""
    found = [
        place
        for place, layer in enumerate(layers)
        if fnmatchcase(layer.name, text)
        or ("/" not in text and fnmatchcase(layer.name.rpartition("/")[2], text))
    ]
    if found:
        return found
    return [
        place for place, layer in enumerate(layers) if layer.type.casefold() == text.casefold()
    ]


def _slice(layers: Sequence[LayerInfo], chosen: slice, text: str) -> list[int]:
    places = list(range(len(layers)))[chosen]
    if not places:
        raise SelectionError(
            f"layers '{text}' choose nothing: the model has {len(layers)} layers that compute, "
            f"0 to {len(layers) - 1}"
        )
    return places


def _nothing(layers: Sequence[LayerInfo], text: str) -> str:
    names = [layer.name for layer in layers]
    hint = near(text, [*names, *dict.fromkeys(layer.type for layer in layers)])
    if not hint and names:
        some = ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > 4 else "")
        hint = f" The model has {len(names)}: {some}."
    return f"no layer '{text}'.{hint} 'convlens summary MODEL' lists them all."


def parse_channels(spec: str | int | slice | Iterable[int] | None, count: int) -> tuple[int, ...]:
    """The numbers of the channels that ``spec`` chooses, in rising order.

    Args:
        spec: ``"0,3,5-9"`` (5 to 9, both), ``"0:16"`` (16 not counted), a number, a slice,
            numbers, or ``None`` for all.
        count: How many channels there are.

    Raises:
        SelectionError: The spec cannot be read, or names a channel that is not there.

    Example:
        >>> parse_channels("0,3,5-9", 32)
        (0, 3, 5, 6, 7, 8, 9)
        >>> parse_channels("30:", 32)
        (30, 31)
    """
    if spec is None:
        return tuple(range(count))
    if isinstance(spec, slice):
        chosen = set(range(count)[spec])
    elif isinstance(spec, int):
        chosen = {spec}
    elif isinstance(spec, str):
        chosen = {number for part in spec.split(",") for number in _parse_part(part, spec, count)}
    else:
        chosen = {int(number) for number in spec}
    for number in sorted(chosen):
        if not 0 <= number < count:
            raise SelectionError(
                f"no channel {number}: expected 0 to {count - 1}, the layer has {count}"
            )
    if not chosen:
        raise SelectionError(f"channels '{spec}' choose none of the {count} channels")
    return tuple(sorted(chosen))


def _parse_part(part: str, spec: str, count: int) -> Iterable[int]:
    part = part.strip()
    if match := _RANGE.fullmatch(part):
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if first <= last:
            return range(first, min(last, count) + 1)
    elif part and (match := _SPAN.fullmatch(part)):
        first, end = int(match[1] or 0), int(match[2] or count)
        if first < end:
            return range(first, min(end, count + 1))
    raise SelectionError(
        f"channels '{spec}': expected numbers, ranges and slices such as 0,3,5-9 or 0:16, "
        f"found '{part}'"
    )
