"""What each channel looks for: the image that it responds to most.

The rule of this module: a pattern comes with the activation that it reached, and what is dead
is called dead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from convlens.ascent import PHASE
from convlens.errors import UsageError
from convlens.images.arrays import as_array
from convlens.layers import ChannelSpec, LayerSpec
from convlens.model import Model
from convlens.pattern import BYTES, Objective, PatternOptions, Patterns
from convlens.preprocessing import Preprocessing
from convlens.results import FloatArray, InputInfo, ModelInfo
from convlens.verbs.gather import choose_preprocessing
from convlens.verbs.maximise import spectrum
from convlens.verbs.maximise.asking import ask, check, probes_of
from convlens.verbs.maximise.ground import (
    Natural,
    choose_input,
    constants_of,
    load_natural,
    make_ascent,
    settle_options,
)
from convlens.verbs.maximise.method import Ground, Method, find_method
from convlens.verbs.maximise.running import Judged, run, transparency

DEAD_GREY = 128
"""What a dead channel is shown as; a picture of it would be noise."""


def patterns(
    model: Model,
    layers: LayerSpec | Iterable[LayerSpec] | None = None,
    channels: ChannelSpec = None,
    *,
    method: str = "robust",
    objective: str | Objective | Sequence[Objective] = "channel",
    start: Any = None,
    images: str | os.PathLike[str] | Sequence[Any] | None = None,
    scale: str | None = None,
    input_name: str | None = None,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Patterns:
    """The images that channels respond to most (activation maximisation).

    Args:
        model: From :func:`convlens.load_model`.
        layers: Which layers; see :func:`convlens.layers.select_layers`.
        channels: Which channels, ``"0,3,5-9"`` or ``"0:16"``; ``None`` is all.
        method: ``"robust"``, ``"classic"`` or ``"maco"``.
        objective: ``"channel"`` (its mean over all positions), ``"neuron"`` (in the middle),
            ``"logit"`` (a unit before its activation function), or objectives as data, which
            stand instead of ``layers`` and ``channels``.
        start: For ``classic``: the array that every pattern starts from, ``(height, width,
            channel)``, in the numbers that the network sees.
        images: A folder, a glob or files of natural images, to say where each pattern lies
            among them; for ``maco`` the spectrum is theirs too.
        scale: The name of a preprocessing; without it what the model itself tells.
        input_name: Which input, for a model with several; the others are held at zero.
        batch_size: How many patterns climb together; by default as many as fit.
        progress: Called after every step with the steps done and all there are.
        options: Fields of :class:`convlens.pattern.PatternOptions`: ``steps``, ``size``,
            ``rate``, ``seed``, ``jitter``, ``zoom``, ``turn``, ``total_variation``, ``norm``,
            ``facets``, ``diversity``, ``patience``.

    Returns:
        The patterns, in the order of layers, channels and facets.

    Raises:
        SelectionError: There is no such layer or channel.
        ModelInputError: The canvas is too small, the layer does not rest on the input, or a
            gradient is no number.
        UsageError: An option is unknown or out of its range.
    """
    chosen = find_method(method)
    info = model.info
    entry = choose_input(info, input_name)
    given = _as_start(start, chosen, entry)
    settled = settle_options(chosen, entry, _with_size(options, given))
    channels_in = entry.channels or 3
    if not info.layers:
        shapes = {entry.name: (1, *settled.size, channels_in)}
        info = model.describe(shapes | _shapes(constants_of(info, entry, settled.size)))
    objectives, note = _objectives(info, layers, channels, objective, settled.facets)
    natural = None
    preprocessing = choose_preprocessing(info, scale)
    if images is not None:
        natural = load_natural(model, info, entry, images, settled.size, scale)
        preprocessing = natural.preprocessing
    ground = Ground(settled, channels_in, given, _spectrum(natural, chosen, channels_in))
    done: list[Judged] = []
    masks: list[FloatArray | None] = []
    for probes, group in groupby(objectives, probes_of):
        asked = list(group)
        ascent = make_ascent(info, entry, settled, preprocessing, probes)
        ascent = chosen.apply(ascent, ground)
        tell = _shifted(progress, len(done) * settled.steps, len(objectives) * settled.steps)
        found = run(
            *(model, info, ascent, chosen, ground, asked, natural),
            batch_size=batch_size,
            progress=tell,
        )
        done += found
        masks += [transparency(ascent, judged.climbed) for judged in found]
    return _assemble(info, chosen, settled, preprocessing, objectives, natural, done, masks, note)


def _with_size(options: dict[str, Any], start: FloatArray | None) -> dict[str, Any]:
    """The options with the size of a start that was given."""
    if start is None:
        return options
    if options.get("size") not in (None, start.shape[:2]):
        raise UsageError(f"the start has the size {start.shape[:2]}, size= asks for another")
    return {**options, "size": tuple(int(side) for side in start.shape[:2])}


def _as_start(start: Any, method: Method, entry: InputInfo) -> FloatArray | None:
    if start is None:
        return None
    if method.name != "classic":
        raise UsageError(f"a start goes with method='classic', not with '{method.name}'")
    array = np.asarray(as_array(start), np.float32)
    array = array[0] if array.ndim == 4 and len(array) == 1 else array
    if array.ndim != 3 or array.shape[-1] != (entry.channels or 3):
        raise UsageError(
            f"expected a start of (height, width, {entry.channels or 3}), found {array.shape}"
        )
    return array


def _shapes(arrays: dict[str, FloatArray]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _objectives(
    info: ModelInfo,
    layers: LayerSpec | Iterable[LayerSpec] | None,
    channels: ChannelSpec,
    objective: str | Objective | Sequence[Objective],
    facets: int,
) -> tuple[list[Objective], str | None]:
    """What is asked for, as objectives."""
    if isinstance(objective, str):
        return ask(info, layers, channels, objective, facets)
    given = [objective] if isinstance(objective, Objective) else list(objective)
    if layers is not None or channels is not None:
        raise UsageError("objectives as data name their own layers and channels: leave those out")
    if not given:
        raise UsageError("expected at least one objective, found none")
    check(info, given)
    return [
        Objective(entry.terms, facet + entry.facet) for entry in given for facet in range(facets)
    ], None


def _spectrum(natural: Natural | None, method: Method, channels: int) -> FloatArray | None:
    """The magnitudes of natural images, where the method wants them."""
    if natural is None or method.name != "maco":
        return None
    return spectrum.of_images(natural.canvases(PHASE), channels)


def _shifted(
    progress: Callable[[int, int], None] | None, before: int, total: int
) -> Callable[[int, int], None] | None:
    """The same progress as a part of a longer work."""
    if progress is None:
        return None
    tell = progress
    return lambda done, _: tell(before + done, total)


def _assemble(
    info: ModelInfo,
    method: Method,
    options: PatternOptions,
    preprocessing: Preprocessing,
    objectives: Sequence[Objective],
    natural: Natural | None,
    done: Sequence[Judged],
    masks: Sequence[FloatArray | None],
    note: str | None,
) -> Patterns:
    dead = np.array([judged.dead for judged in done])
    longest = max(len(judged.climbed.history) for judged in done)
    history = np.full((len(done), longest), np.nan, np.float32)
    for row, judged in zip(history, done, strict=True):
        row[: len(judged.climbed.history)] = judged.climbed.history
    marks = [judged.natural for judged in done if judged.natural is not None]
    compared = np.array(marks, np.float32) if marks else None
    shown = [mask for mask in masks if mask is not None]
    return Patterns(
        model=info,
        options=options,
        preprocessing=preprocessing,
        objectives=tuple(objectives),
        images=_images(np.stack([judged.climbed.canvas for judged in done]), method, dead),
        values=np.stack([judged.value for judged in done]),
        activation=_array(judged.activation for judged in done),
        start_activation=_array(judged.start_activation for judged in done),
        robustness=_array(judged.robustness for judged in done),
        dead=dead,
        converged=np.array([judged.climbed.converged for judged in done]),
        steps=np.array([len(judged.climbed.history) for judged in done]),
        history=history,
        natural=None if compared is None else compared[:, :3],
        percentile=None if compared is None else compared[:, 3],
        transparency=np.stack(shown) if shown else None,
        natural_count=0 if natural is None else len(natural.loaded),
        notes=tuple(text for text in (*info.notes, note) if text),
    )


def _array(numbers: Iterable[float]) -> FloatArray:
    return np.array(list(numbers), np.float32)


def _images(canvases: FloatArray, method: Method, dead: Any) -> BYTES:
    """Pictures in three colours: grey ones repeated, of more bands the first three."""
    shown = method.show(canvases)
    channels = shown.shape[-1]
    if channels == 1:
        shown = np.repeat(shown, 3, -1)
    elif channels == 2:
        shown = np.concatenate([shown, np.zeros_like(shown[..., :1])], -1)
    shown = np.ascontiguousarray(shown[..., :3])
    shown[dead] = DEAD_GREY
    return shown
