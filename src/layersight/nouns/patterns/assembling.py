"""From patterns that are done to a result, and from a part of one and its rest to the whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import UsageError, few
from layersight.nouns.patterns.methods.method import Method
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import ALONG, Objective, Patterns, gained, scattered
from layersight.nouns.patterns.running import RatedPattern
from layersight.nouns.patterns.unfolded import pictures_of

DEAD_GREY = 128
"""What a dead channel or a failed optimisation is shown as; a picture of it would be noise."""


def assemble(
    info: ModelInfo,
    method: Method,
    options: PatternOptions,
    preprocessing: Preprocessing,
    objectives: Sequence[Objective],
    done: Sequence[RatedPattern],
    *,
    natural_count: int = 0,
    frame_steps: Sequence[int] = (),
    notes: Iterable[str] = (),
    depth: int = 1,
) -> Patterns:
    """The result of patterns that are done, in the order of their objectives."""
    dead = np.array([rated.dead for rated in done])
    activation = _array(rated.activation for rated in done)
    start_activation = _array(rated.start_activation for rated in done)
    coverage = _array(rated.coverage for rated in done)
    rose = gained(start_activation, activation) & ~scattered(coverage)
    empty = dead | ~rose
    longest = max(len(rated.optimised.history) for rated in done)
    history = np.full((len(done), longest), np.nan, np.float32)
    for row, rated in zip(history, done, strict=True):
        row[: len(rated.optimised.history)] = rated.optimised.history
    marks = [rated.natural for rated in done if rated.natural is not None]
    compared = np.array(marks, np.float32) if marks else None
    masks = [rated.transparency for rated in done if rated.transparency is not None]
    frames = None
    if frame_steps:
        frames = np.stack(
            [_in_colour(np.stack(rated.optimised.frames), depth) for rated in done], 1
        )
        frames[:, empty] = DEAD_GREY
    return Patterns(
        model=info,
        options=options,
        preprocessing=preprocessing,
        objectives=tuple(objectives),
        images=_images(np.stack([rated.optimised.canvas for rated in done]), method, empty, depth),
        values=np.stack([rated.value for rated in done]),
        activation=activation,
        start_activation=start_activation,
        robustness=_array(rated.robustness for rated in done),
        coverage=coverage,
        dead=dead,
        converged=np.array([rated.optimised.converged for rated in done]) & rose,
        steps=np.array([len(rated.optimised.history) for rated in done]),
        history=history,
        natural=None if compared is None else compared[:, :3],
        percentile=None if compared is None else compared[:, 3],
        transparency=np.stack(masks) if masks else None,
        natural_count=natural_count,
        frames=frames,
        frame_steps=tuple(frame_steps),
        notes=(*notes, *_woken(objectives, done)),
    )


def _woken(objectives: Sequence[Objective], done: Sequence[RatedPattern]) -> list[str]:
    """Which channels the start that was meant for them did not wake."""
    found = []
    pairs = list(zip(objectives, done, strict=True))
    leaked = [entry for entry, rated in pairs if rated.optimised.leaked]
    other = [entry for entry, rated in pairs if rated.optimised.awake and rated.optimised.attempt]
    if leaked:
        found.append(f"silent at their start, woken by a leaking gradient: {_named(leaked)}")
    if other:
        found.append(f"silent at the first start, woken from another one: {_named(other)}")
    return found


def _named(objectives: Sequence[Objective]) -> str:
    return few([*dict.fromkeys(f"{entry.layer} {entry.channel}" for entry in objectives)], 6)


def check_same(done: Patterns, info: ModelInfo, options: PatternOptions, scale: str) -> None:
    """Refuses to go on with patterns that were made otherwise.

    Raises:
        UsageError: They are of another model, or of other options.
    """
    if done.model.digest != info.digest:
        raise UsageError("the patterns that are done are of another model: start anew")
    if done.options != options or done.preprocessing.name != scale:
        raise UsageError("the patterns that are done were made with other options: start anew")


def merge(objectives: Sequence[Objective], parts: Sequence[Patterns]) -> Patterns:
    """One result of several, in the order of ``objectives``, each of which is in a part."""
    if len(parts) == 1:
        return parts[0]
    places = {
        objective: (part, place)
        for part in parts
        for place, objective in enumerate(part.objectives)
    }
    chosen = [places[objective] for objective in objectives]
    longest = max(part.history.shape[1] for part in parts)

    def take(name: str, axis: int = 0) -> Any:
        if any(getattr(part, name) is None for part in parts):
            return None
        picked = [np.take(getattr(part, name), place, axis) for part, place in chosen]
        if name == "history":
            room = [np.full(longest - len(row), np.nan, np.float32) for row in picked]
            picked = [np.concatenate(pair) for pair in zip(picked, room, strict=True)]
        return np.stack(picked, axis)

    return dataclasses.replace(
        parts[-1],
        objectives=tuple(objectives),
        frames=take("frames", 1),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        **{name: take(name) for name in ALONG},
    )


def _array(numbers: Iterable[float]) -> FloatArray:
    return np.array(list(numbers), np.float32)


def _images(canvases: FloatArray, method: Method, empty: Any, depth: int) -> Bytes:
    shown = _in_colour(method.show(canvases), depth)
    shown[empty] = DEAD_GREY
    return shown


def _in_colour(shown: Bytes, depth: int) -> Bytes:
    """Pictures in three colours: grey ones repeated, of more bands the first three."""
    if depth != 1:
        return pictures_of(shown, depth)
    channels = shown.shape[-1]
    if channels == 1:
        shown = np.repeat(shown, 3, -1)
    elif channels == 2:
        shown = np.concatenate([shown, np.zeros_like(shown[..., :1])], -1)
    return np.ascontiguousarray(shown[..., :3])
