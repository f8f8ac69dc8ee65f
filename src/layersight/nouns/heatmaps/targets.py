"""Parses targets from text.

The rule of this module: a text means one target or none; an error names near matches, and no text
raises anything but one of layersight's own errors.

::

    386                     a class by its number
    African elephant        by its name; case and underscores do not matter
    not dog                 what counts against it
    tiger vs cat            one rather than the other
    block5_conv3:12         a channel or unit of any layer, the mean over all positions
    block5_conv3:12@4,7     one neuron: row, column
    mask:1@10:20,30:60      a region: rows, columns
    mask:1@predicted        where it is the strongest of all
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from layersight.data.model import LayerInfo, ModelInfo
from layersight.data.target import AXIS_NAMES, MEAN, PREDICTED, Position, Target
from layersight.errors import SelectionError, UsageError
from layersight.nouns.heatmaps.classes import (
    check_unit,
    default_output,
    find_class,
    normalise_name,
    shorten,
    spatial_shape,
    unit_target,
    unknown_class,
)
from layersight.select import select_layers

LONGEST = 300  # characters of a target at most

_NOT = re.compile(r"not\s+(?=\S)", re.IGNORECASE)
_VERSUS = re.compile(r"\s+(?:vs\.?|versus|rather than)\s+", re.IGNORECASE)
_UNIT = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"\s*([0-9]{1,9})\s*")
_SPAN = re.compile(r"\s*([0-9]{1,9})?\s*:\s*([0-9]{1,9})?\s*")


def parse_targets(
    info: ModelInfo, requested: str | int | Target | Iterable[str | int | Target]
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The requested targets, each once, and a note on the output that was chosen for them."""
    if isinstance(requested, str | int | np.integer | Target):
        requested = [requested]
    specs = list(requested)
    if not specs:
        raise UsageError("expected at least one target, found none. Leave it out for the strongest")
    targets = [parse_target(info, spec) for spec in specs]
    by_default = any(not isinstance(spec, Target) and ":" not in str(spec) for spec in specs)
    note = default_output(info)[1] if by_default else None
    return tuple(dict.fromkeys(targets)), (note,) if note else ()


def parse_target(info: ModelInfo, spec: str | int | Target) -> Target:
    if isinstance(spec, Target):
        return _check(info, spec)
    if isinstance(spec, bool) or not isinstance(spec, str | int | np.integer):
        raise UsageError(
            f"expected a target as a class, LAYER:CHANNEL or a Target, found {shorten(repr(spec))}"
        )
    if not isinstance(spec, str):
        layer = default_output(info)[0]
        check_unit(layer, 0)
        target = find_class(info, layer, int(spec))
        assert target is not None
        return target
    text = " ".join(spec.split())
    if not text or len(text) > LONGEST:
        raise UsageError(
            f"expected a target of 1 to {LONGEST} characters, such as 386, a class name or "
            f"LAYER:CHANNEL, found {len(text)}"
        )
    return _check(info, _parse(info, text))


def _parse(info: ModelInfo, text: str) -> Target:
    """A target from a class, a contrast, or the negation of either."""
    sign = 1
    target = _find_label(info, text)
    while target is None and (match := _NOT.match(text)):
        sign, text = -sign, text[match.end() :]
        target = _find_label(info, text)
    if target is None:
        parts = _VERSUS.split(text)
        if len(parts) > 2:
            raise UsageError(
                f"target '{shorten(text)}': expected one class, or two as 'A vs B', found "
                f"{len(parts)}"
            )
        target = _parse_class(info, parts[0])
        if len(parts) == 2:
            target = _contrast(info, target, parts[1])
    return dataclasses.replace(target, sign=sign * target.sign)


def _find_label(info: ModelInfo, text: str) -> Target | None:
    """A class whose label is the whole text, even if that contains ``not`` or ``vs``."""
    labels = [normalise_name(label) for label in info.labels or ()]
    if normalise_name(text) not in labels:
        return None
    return find_class(info, default_output(info)[0], text)


def _contrast(info: ModelInfo, first: Target, text: str) -> Target:
    """One class rather than another of the same layer."""
    layer = _layer(info, first.layer)
    name, at, where = text.partition("@")
    second = find_class(info, layer, name)
    if second is None:
        second = _parse_class(info, text)
    elif at:
        second = _with_position(second, layer, where)
    if second.layer != first.layer:
        raise UsageError(f"a contrast is of one layer: found '{first.layer}' and '{second.layer}'")
    if second.where not in (MEAN, first.where):
        raise UsageError(f"target '... vs {shorten(text)}': give the position of the first only")
    if second.unit == first.unit:
        if second.sign != first.sign:
            return first  # the two sides of a single unit
        raise UsageError(f"target '... vs {shorten(text)}': expected another class than the first")
    if first.sign < 0 or second.sign < 0:
        raise UsageError("expected 'not' in front of the whole contrast, as in 'not A vs B'")
    return dataclasses.replace(
        first, against=second.unit, against_label=second.label, opposite=None
    )


def _parse_class(info: ModelInfo, text: str) -> Target:
    """A class, or a channel or unit of a layer, with its position if there is one."""
    error: SelectionError | None = None
    for colon in [index for index, letter in enumerate(text) if letter == ":"]:
        layer = _find_layer(info, text[:colon])
        if not isinstance(layer, SelectionError):
            unit, at, where = text[colon + 1 :].partition("@")
            target = _find_unit(info, layer, unit.strip())
            return _with_position(target, layer, where if at else None)
        error = error or layer
    before, at, where = text.rpartition("@")
    name = (before if at else text).strip()
    if error is not None and ":" in name:
        raise error
    layer = default_output(info)[0]
    check_unit(layer, 0)
    found = find_class(info, layer, name)
    if found is None:
        raise unknown_class(info, layer, name)
    return _with_position(found, layer, where if at else None)


def _find_layer(info: ModelInfo, name: str) -> LayerInfo | SelectionError:
    """The only layer that a text selects, by its name or as in ``--layers``; else an error."""
    for layer in info.layers:
        if layer.name == name:
            return layer
    try:
        layers = select_layers(info.layers, name)
    except SelectionError as error:
        return error
    if len(layers) == 1 and "," not in name:
        return layers[0]
    names = ", ".join(layer.name for layer in layers[:4])
    return SelectionError(f"'{shorten(name)}' stands for {len(layers)} layers: name one of {names}")


def _layer(info: ModelInfo, name: str) -> LayerInfo:
    layer = _find_layer(info, name)
    if isinstance(layer, SelectionError):
        raise layer
    return layer


def _find_unit(info: ModelInfo, layer: LayerInfo, text: str) -> Target:
    """A unit of a layer by its number, or of an output by its name."""
    if _UNIT.fullmatch(text):
        check_unit(layer, int(text))
        return unit_target(info, layer, int(text))
    check_unit(layer, 0)
    target = find_class(info, layer, text) if text else None
    if target is None:
        raise SelectionError(
            f"no channel or class '{shorten(text)}' of layer '{layer.name}': expected a number "
            f"from 0 to {(layer.channels or 0) - 1}"
        )
    return target


def _with_position(target: Target, layer: LayerInfo, text: str | None) -> Target:
    """A target at the position or region that a text describes, if there is one."""
    if text is None:
        return target
    text, sides = text.strip(), spatial_shape(layer)
    where: str | Position
    parts = text.split(",")
    spans = [_SPAN.fullmatch(part) for part in parts]
    if text.casefold() in (MEAN, PREDICTED):
        where = text.casefold()
    elif all(map(_NUMBER.fullmatch, parts)) and (not sides or len(parts) == len(sides)):
        where = tuple(map(int, parts))
    elif len(spans) == len(sides) and all(spans):
        starts = [int(span[1] or 0) for span in spans if span]
        ends = [int(span[2] or side or 1) for span, side in zip(spans, sides, strict=True) if span]
        where = (*starts, *ends)
    else:
        names = AXIS_NAMES.get(len(sides), AXIS_NAMES[2])
        raise UsageError(
            f"the position '{shorten(text)}' of layer '{layer.name}' cannot be read: expected "
            f"{','.join(name.upper() for name in names)}, {','.join('FIRST:END' for _ in names)} "
            f"({', '.join(name + 's' for name in names)}) or 'predicted', of a layer with maps"
        )
    return dataclasses.replace(target, where=where)


def _check(info: ModelInfo, target: Target) -> Target:
    """A target with its label; refused if its layer, units or positions do not exist."""
    layer = _layer(info, str(target.layer))
    for unit in (target.unit, *(() if target.against is None else (target.against,))):
        if isinstance(unit, bool) or not isinstance(unit, int | np.integer):
            raise UsageError(f"expected the number of a class or channel, found {unit!r:.60}")
        check_unit(layer, int(unit))
    if target.sign not in (1, -1):
        raise UsageError(f"expected a sign of 1 or -1, found {target.sign!r:.60}")
    if target.against == target.unit:
        raise UsageError(f"expected two different classes, found {target.unit} twice")
    where = target.where if isinstance(target.where, str) else tuple(target.where)
    _check_where(layer, where)
    labelled = unit_target(info, layer, int(target.unit))
    changes: dict[str, Any] = {"layer": layer.name, "where": where}
    if target.label is None:
        changes |= {"label": labelled.label, "opposite": labelled.opposite}
    if target.against is not None and target.against_label is None:
        changes["against_label"] = unit_target(info, layer, int(target.against)).label
    return dataclasses.replace(target, **changes)


def _check_where(layer: LayerInfo, where: str | Sequence[int]) -> None:
    sides = spatial_shape(layer)
    if where == PREDICTED and not sides:
        raise UsageError(f"layer '{layer.name}' has no maps: 'predicted' is of a map")
    if where in (MEAN, PREDICTED):
        return
    axes = len(sides)
    if isinstance(where, str) or len(where) not in {axes, 2 * axes, *((2, 4) if not axes else ())}:
        raise UsageError(
            f"expected where='{MEAN}', '{PREDICTED}', (y, x) or (y0, x0, y1, x1), found "
            f"{shorten(repr(where))}"
        )
    if not all(isinstance(side, int | np.integer) for side in where):
        raise UsageError(f"expected a position in whole numbers, found {shorten(repr(where))}")
    if not sides:
        raise SelectionError(f"layer '{layer.name}' has no maps of rows and columns: leave @ out")
    ends = where[axes:] or [start + 1 for start in where]
    names = [f"{name}s" for name in AXIS_NAMES.get(axes, ("position",) * axes)]
    for first, end, side, what in zip(where[:axes], ends, sides, names, strict=True):
        if not 0 <= first < end <= (end if side is None else side):
            raise SelectionError(
                f"layer '{layer.name}' has {side} {what}, 0 to {(side or 1) - 1}: found "
                f"{first}" + ("" if end == first + 1 else f" to {end}, the end not included")
            )
