"""What each channel looks for: the image that it responds to most.

The rule of this module: a pattern comes with the activation that it reached, and what is dead
is called dead.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from layersight.batch.gather import choose_preprocessing, find_input, input_label
from layersight.batch.scale import settle_input
from layersight.data.arrays import FloatArray
from layersight.data.ascent import PHASE
from layersight.data.fields import names_options
from layersight.data.model import InputInfo, ModelInfo
from layersight.data.pace import progress_or_warning
from layersight.data.preprocessing import Preprocessing
from layersight.errors import Interrupted, UsageError
from layersight.images import check_size
from layersight.images.arrays import as_array
from layersight.loading import open_for
from layersight.model import Optimisable
from layersight.nouns.patterns import spectrum
from layersight.nouns.patterns.assembling import assemble, check_same, merge, with_survey
from layersight.nouns.patterns.canvas import (
    LARGEST,
    NaturalImages,
    choose_input,
    constants_of,
    depth_of,
    make_ascent,
    settle_options,
    unfold,
)
from layersight.nouns.patterns.methods.method import Context, Method, find_method, methods
from layersight.nouns.patterns.objectives import check_objectives, make_objectives, probes_of
from layersight.nouns.patterns.request import PatternOptions
from layersight.nouns.patterns.result import Objective, Patterns
from layersight.nouns.patterns.running import RatedPattern, run
from layersight.nouns.survey.reading import survey_of
from layersight.nouns.survey.result import Survey
from layersight.select import ChannelSpec, LayerSpecs

MOST_FRAMES = 200  # that an animation may have


@names_options(PatternOptions)
def patterns(
    model: Any,
    layers: LayerSpecs = None,
    channels: ChannelSpec = None,
    *,
    method: str = "robust",
    objective: str | Objective | Sequence[Objective] = "channel",
    start: Any = None,
    images: str | os.PathLike[str] | Sequence[Any] | None = None,
    survey: Survey | str | os.PathLike[str] | None = None,
    scale: str | Preprocessing | None = None,
    input_name: str | None = None,
    batch_size: int | None = None,
    frames: int = 0,
    done: Patterns | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Patterns:
    """The images that channels respond to most (activation maximisation).

    Args:
        model: A model from :func:`layersight.load_model`, or what that takes: a path, the name of
            an architecture, a live ``keras.Model``.
        layers: Which layers; see :func:`layersight.select.select_layers`. ``"conv2d:0,4"`` and
            ``{"conv2d": [0, 4]}`` are layers with channels of their own.
        channels: Which channels, ``"0,3,5-9"`` or ``"0:16"``, or ``"all"``;
            ``None`` is the first 16, of several layers fewer of each.
        method: ``"robust"``, ``"classic"`` or ``"maco"``.
        objective: ``"channel"`` (its mean over all positions), ``"neuron"`` (in the middle),
            ``"logit"`` (a unit before its activation function), or objectives as data, which
            stand instead of ``layers`` and ``channels``.
        start: For ``classic``: the array that every pattern starts from, ``(height, width,
            channel)``, in the numbers that the network sees.
        images: A folder, a glob or files of natural images, to say where each pattern lies
            among them; for ``maco`` the spectrum is theirs too.
        survey: What :func:`layersight.survey` gave, or the folder that it was written to: says
            where each pattern lies among all images of it, in place of ``images``, and shows what
            the strongest of them hold beside it.
        scale: What pixels are brought to, by a name or in numbers; without it what the model
            itself says.
        input_name: Which input, for a model with several; the others are held at zero.
        batch_size: How many patterns are optimised together; by default as many as fit.
        frames: How many pictures of the optimisation to keep, for an animation; 0 for none.
        done: Patterns of an earlier call that was interrupted, made with the same options:
            they are taken as they are.
        progress: Called after every step with the steps done and their total; ``None`` for a
            warning where it takes more than a minute.
        options: Fields of ``PatternOptions``: ``steps``, ``size``,
            ``rate``, ``seed``, ``jitter``, ``zoom``, ``turn``, ``total_variation``, ``norm``,
            ``facets``, ``diversity``, ``patience``, ``precision``.

    Returns:
        The patterns, in the order of layers, channels and facets.

    Raises:
        SelectionError: There is no such layer or channel.
        ModelInputError: The canvas is too small, the layer does not depend on the input, or a
            gradient is no number.
        UsageError: An option is unknown or out of its range.
        Interrupted: Ctrl-C; it holds the patterns that are done.
    """
    how = find_method(method)
    progress = progress_or_warning(progress, "Less: fewer channels, steps= or a smaller size=.")
    opened = open_for(
        model,
        Optimisable,
        "patterns",
        "look at its activations instead",
        surveyed=survey is not None,
    )
    info = opened.info
    entry = choose_input(info, input_name, options.get("size"))
    if survey is not None and images is not None:
        raise UsageError("expected images or a survey to compare patterns with, found both")
    compared = None if survey is None else survey_of(survey, info)
    declared = find_input(info, entry.name)
    depth = depth_of(declared) if entry.picture else 1
    unfolded = None
    if depth != 1:
        if images is not None or survey is not None or options.get("size") is not None:
            raise UsageError(
                "images=, survey= and size= are of patterns that are pictures: leave them out"
            )
        unfolded = unfold(depth, entry, method, options, choose_preprocessing(declared, scale))
        how, options = find_method("classic"), unfolded.options
    first = _read_start(start, how, entry)
    if unfolded is not None and first is None:
        first = unfolded.start
    settled = settle_options(how, entry, _with_size(options, first))
    bands = entry.channels or 3
    if not info.layers:
        others = constants_of(info, entry, settled.size)
        shapes = {name: array.shape for name, array in others.items()}
        info = opened.describe({entry.name: (1, *settled.size, bands), **shapes})
        entry = choose_input(info, entry.name)
    objectives, left_out = _objectives(info, layers, channels, objective, settled.facets)
    preprocessing = choose_preprocessing(entry, scale)
    if unfolded is not None:
        preprocessing = unfolded.preprocessing
    elif not preprocessing.is_settled:
        sizes = (own or side for own, side in zip(entry.size, settled.size, strict=True))
        preprocessing = settle_input(opened, info, entry.name, {entry.name: (1, *sizes, bands)})
    natural, magnitudes = None, None
    if images is not None:
        natural = NaturalImages(entry, images, settled.size, preprocessing)
        if how.takes_spectrum:
            magnitudes = spectrum.of_images(natural.canvases(PHASE), bands)
    context = Context(settled, bands, first, magnitudes)
    parts = []
    if done is not None:
        check_same(done, info, settled, preprocessing.name)
        parts.append(done)
    waiting = [entry for entry in objectives if done is None or entry not in done.objectives]
    frame_steps = _frame_steps(frames, settled.steps)
    finished: list[RatedPattern] = []
    for probes, group in groupby(waiting, probes_of):
        together = list(group)
        ascent = make_ascent(info, entry, settled, preprocessing, probes)
        before, total = len(finished) * settled.steps, len(waiting) * settled.steps
        rated = run(
            *(opened, info, how.apply(ascent, context), how, context, together, natural),
            batch_size=batch_size,
            frames=frame_steps[:-1],
            progress=None if progress is None else _shifted(progress, before, total),
            movable=depth == 1,
        )
        finished += rated
        if len(rated) < len(together):
            break
    if finished:
        notes = [*info.notes, *left_out]
        notes += _notes(info, entry, how) if unfolded is None else [unfolded.note]
        parts.append(
            assemble(
                *(info, how, settled, preprocessing, finished),
                natural_count=len(natural or ()),
                frame_steps=frame_steps,
                notes=notes,
                depth=depth,
            )
        )
    ready = {objective for part in parts for objective in part.objectives}
    order = [objective for objective in objectives if objective in ready]
    result = merge(order, parts) if parts else None
    if result is not None and compared is not None:
        result = with_survey(result, compared)
    if len(order) < len(objectives):
        raise Interrupted(result, len(objectives))
    assert result is not None
    return result


def _frame_steps(count: int, steps: int) -> tuple[int, ...]:
    """After how many steps the frames of an animation are taken, more at the beginning."""
    if not count:
        return ()
    if not 2 <= count <= MOST_FRAMES:
        raise UsageError(f"expected 2 to {MOST_FRAMES} frames, found {count}")
    moments = np.linspace(0, 1, min(count, steps + 1)) ** 1.5 * steps
    return tuple(int(step) for step in np.unique(np.rint(moments)))


def _notes(info: ModelInfo, entry: InputInfo, method: Method) -> Iterator[str]:
    others = [other.name for other in info.inputs if other.name != entry.name]
    if others:
        yield f"input {input_label(info, entry.name)} is optimised"
    for other in others:
        yield f"input {input_label(info, other)} is held at zero"
    if (entry.channels or 0) > 3:
        yield f"of the {entry.channels} bands of '{entry.name}' the first 3 are shown"
    if method.note:
        yield method.note


def _with_size(options: dict[str, Any], start: FloatArray | None) -> dict[str, Any]:
    """The options with the size of a start that was given."""
    if start is None:
        return options
    sides = int(start.shape[0]), int(start.shape[1])
    size = options.get("size")
    if size is not None and check_size(size, "a canvas", LARGEST) != sides:
        raise UsageError(f"the start has the size {sides}, size= asks for {size}")
    return {**options, "size": sides}


def _read_start(start: Any, method: Method, entry: InputInfo) -> FloatArray | None:
    if start is None:
        return None
    if not method.takes_start:
        able = " or ".join(f"'{other.name}'" for other in methods().values() if other.takes_start)
        raise UsageError(f"a start goes with method={able}, not with '{method.name}'")
    array = np.asarray(as_array(start), np.float32)
    if entry.picture is not None and array.size == math.prod(entry.picture):
        array = array.reshape(entry.picture)
    array = array[0] if array.ndim == 4 and len(array) == 1 else array
    if array.ndim != 3 or array.shape[-1] != (entry.channels or 3):
        raise UsageError(
            f"expected a start of (height, width, {entry.channels or 3}), found {array.shape}"
        )
    return array


def _objectives(
    info: ModelInfo,
    layers: LayerSpecs,
    channels: ChannelSpec,
    objective: str | Objective | Sequence[Objective],
    facets: int,
) -> tuple[list[Objective], tuple[str, ...]]:
    if isinstance(objective, str):
        return make_objectives(info, layers, channels, objective, facets)
    objectives = [objective] if isinstance(objective, Objective) else list(objective)
    if layers is not None or channels is not None:
        raise UsageError("objectives as data name their own layers and channels: leave those out")
    if not objectives:
        raise UsageError("expected at least one objective, found none")
    check_objectives(info, objectives)
    return [
        Objective(entry.terms, facet + entry.facet)
        for entry in objectives
        for facet in range(facets)
    ], ()


def _shifted(
    progress: Callable[[int, int], None], before: int, total: int
) -> Callable[[int, int], None]:
    """Progress of all patterns, reported by those that are made now."""
    return lambda done, _: progress(before + done, total)
