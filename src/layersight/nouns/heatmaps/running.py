"""Running methods over images and targets, batch by batch.

The rule of this module: a map that cannot be trusted as numbers is refused, and one that is 0
everywhere comes with the reason.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.data.placing import enlarge
from layersight.data.readout import Goal
from layersight.errors import CapabilityError, ModelInputError
from layersight.model import Differentiable
from layersight.nouns.heatmaps.choice import Choice
from layersight.nouns.heatmaps.goals import ResolvedTarget, make_goal
from layersight.nouns.heatmaps.images import ImageSet, same_everywhere
from layersight.nouns.heatmaps.methods.method import ONE, Images, Method, Progress, Request, Result
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions
from layersight.nouns.heatmaps.result import Heatmap

MOST_WEIGHTS = 1 << 26
"""How many numbers the goals of one batch may have: 256 MiB; of maps they are as large."""


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """What is the same for all methods.

    Attributes:
        model: The model.
        info: What is known of it for these images.
        images: The images.
        options: How heatmaps are made.
        batch_size: Images in one pass.
        measured: How heatmaps are measured.
    """

    model: Differentiable
    info: ModelInfo
    images: ImageSet
    options: HeatmapOptions
    batch_size: int
    measured: MeasureOptions = field(default_factory=MeasureOptions)


@dataclass(frozen=True, eq=False)
class Batch:
    """Some images, each with a target of the same layer.

    Attributes:
        model: The model.
        targets: For each image of the batch its target.
        images: The images.
        goal: What a method explains of each.
    """

    model: Differentiable
    targets: tuple[ResolvedTarget, ...]
    images: Images
    goal: Goal

    @functools.cached_property
    def explained(self) -> tuple[float, ...]:
        """What the goal reads off each; no pass of its own once there are gradients of it."""
        if not self.goal[0].before:
            return tuple(resolved.score for resolved in self.targets)
        return tuple(float(number) for number in self.model.read(self.images.values, self.goal))

    def __len__(self) -> int:
        return len(self.targets)

    def one(self, index: int) -> tuple[Images, Goal]:
        """One image alone, and what is explained of it."""
        goal = tuple(
            dataclasses.replace(part, weights=part.weights[index : index + 1]) for part in self.goal
        )
        return self.images.one(index), goal


def make_batches(context: Context, targets: Sequence[ResolvedTarget]) -> Iterator[Batch]:
    """The targets in batches of one layer each, with what is explained of them."""
    groups: dict[tuple[str, bool], list[ResolvedTarget]] = {}
    for entry in targets:
        before = entry.target.before and context.options.score == "logit"
        groups.setdefault((entry.target.layer, before), []).append(entry)
    for (_, before), entries in groups.items():
        size = max(1, min(context.batch_size, MOST_WEIGHTS // math.prod(entries[0].shape)))
        for start in range(0, len(entries), size):
            part = tuple(entries[start : start + size])
            images = context.images.batch([entry.image for entry in part])
            yield Batch(context.model, part, images, make_goal(part, before=before))


def run(
    context: Context, method: Method, choice: Choice, batch: Batch, progress: Progress
) -> list[Heatmap]:
    """The maps of a batch by one method.

    Raises:
        ModelInputError: The method cannot be had for this model, or values are no numbers.
    """
    size = batch.images.size
    result = compute(context, method, choice, batch.images, batch.goal, progress)
    coarse = result.values
    values = coarse if coarse.shape[1:] == size else enlarge(coarse, size)
    found = []
    for place, entry in enumerate(batch.targets):
        empty = not values[place].any()
        found.append(
            Heatmap(
                image=entry.image,
                method=method.name,
                target=entry.target,
                score=entry.score,
                explained=batch.explained[place],
                layers=choice.names,
                values=values[place],
                signed=method.signed,
                coarse=coarse[place],
                empty=empty,
                ground=result.grounds[place],
                notes=(
                    *result.notes[place],
                    *((_why_empty(context, method, choice, batch, place),) if empty else ()),
                ),
            )
        )
    return found


def compute(
    context: Context, method: Method, choice: Choice, images: Images, goal: Goal, progress: Progress
) -> Result:
    """What a method gives for a batch, ``(image, *positions)``; of several layers the mean.

    A method that takes one layer is run for each, and each map divided by its greatest value.

    Raises:
        ModelInputError: Values are no numbers.
    """
    several = len(choice.names) > 1 and method.layers == ONE
    parts: list[Result] = []
    for names in [(name,) for name in choice.names] if several else [choice.names]:
        with np.errstate(all="ignore"):
            given = method.compute(
                Request(
                    context.model,
                    images,
                    goal,
                    names,
                    context.options,
                    context.batch_size,
                    progress,
                )
            )
        made = Result.of(given)
        maps = np.ascontiguousarray(made.values, np.float32)
        _check(context, method, names, maps)
        maps = _over_greatest(enlarge(maps, images.size)) if several else maps
        parts.append(Result(maps, made.notes, made.grounds))
    if len(parts) == 1:
        return parts[0]
    mean: FloatArray = np.mean([part.values for part in parts], axis=0, dtype=np.float32)
    notes = zip(*(part.notes for part in parts), strict=True)
    return Result.of(
        Result(mean, tuple(tuple(dict.fromkeys(itertools.chain(*each))) for each in notes))
    )


def explain(
    context: Context, method: Method, choice: Choice, images: Images, goal: Goal
) -> FloatArray:
    """The maps of a batch anew, in the size of the images, without any words."""
    made = compute(context, method, choice, images, goal, lambda done, count: None).values
    return enlarge(made, images.size)


def _check(context: Context, method: Method, layers: Sequence[str], maps: FloatArray) -> None:
    """Refuses values that are no finite numbers."""
    if np.isfinite(maps).all():
        return
    where = f" of {', '.join(layers)}" if layers else ""
    same = same_everywhere(context.images.given)
    raise ModelInputError(
        f"{method.title}{where}: {int((~np.isfinite(maps)).sum())} of {maps.size} values are "
        "infinite or no numbers (NaN), so that no heatmap can be made: "
        + (
            same
            or "; ".join(context.info.notes)
            or "'layersight activations' tells in which layer they arise"
        )
    )


def _over_greatest(maps: FloatArray) -> FloatArray:
    """Each map divided by its greatest value, whatever its sign; a map of zeros as it is."""
    greatest = np.abs(maps).max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    shares: FloatArray = np.divide(maps, greatest, out=np.zeros_like(maps), where=greatest > 0)
    return shares


def _why_empty(context: Context, method: Method, choice: Choice, batch: Batch, place: int) -> str:
    entry = batch.targets[place]
    if entry.predicted is not None and not entry.predicted.any():
        return f"'{entry.target.name}' is nowhere the strongest in this image: nothing to explain"
    if (same := same_everywhere(context.images.given)) is not None:
        return same
    images, goal = batch.one(place)
    if not method.scored:
        return f"{method.title} is 0 everywhere: the channel is not active in this image"
    try:
        found = context.model.differentiate(
            images.values, goal, layers=choice.names, by=() if choice.names else [images.input]
        )
    except (CapabilityError, ModelInputError):  # no gradients, or none of this network
        return f"{method.title} found nothing: the map is 0 everywhere"
    slopes = {**found.slopes, **found.inputs}.values()
    if not any(np.any(slope) for slope in slopes):
        return (
            f"the gradient of '{entry.target.name}' is 0 everywhere: it is saturated, or the "
            "rectifiers on the way are off; choose a method that needs no gradient"
        )
    return (
        f"{method.title} found nothing that speaks for '{entry.target.name}': all that it found "
        "speaks against it"
        if not method.signed
        else f"{method.title} found nothing: the map is 0 everywhere"
    )
