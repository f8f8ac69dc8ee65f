"""``layersight patterns``."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layersight.cli.opening import Source, open_model
from layersight.cli.output import report
from layersight.cli.progress import Progress
from layersight.cli.sizes import parse_size
from layersight.cli.table import format_table
from layersight.data.arrays import FloatArray
from layersight.data.model import ModelInfo
from layersight.document.words import file_name, plural
from layersight.errors import UsageError
from layersight.export import check_output, make_options, save
from layersight.export.files import ANIMATIONS, json_of, load
from layersight.model import Model
from layersight.nouns.patterns import compute as verb
from layersight.nouns.patterns.noun import NOUN
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import default_view
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import FAILED, amount, empty_mark, kept, short_name
from layersight.writers.printable import printable


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, as data.

    Attributes:
        source: The model.
        layers: Of which layers, ``None`` if none was named.
        channels: Of which channels.
        settings: Keywords of :func:`layersight.patterns`; ``None`` for those not given.
        size: The canvas.
        start: A file with the array to start from.
        output: Where to, ``None`` if not said.
        picture: Fields of :class:`GalleryOptions`.
        resume: Whether to go on after an interruption.
        as_json: Whether JSON goes to standard output.
        quiet: Whether nothing is said.
    """

    source: Source
    layers: tuple[str, ...] | None
    channels: str | None
    settings: dict[str, Any]
    size: str | None
    start: Path | None
    output: str | None
    picture: dict[str, Any]
    resume: bool
    as_json: bool
    quiet: bool


def run(request: Request) -> None:
    """Makes patterns, writes them and says what came out."""
    options: GalleryOptions = make_options(NOUN, **request.picture)
    given = {name: value for name, value in request.settings.items() if value is not None}
    _check_output(request, given)
    size = parse_size(request.size)
    if size is not None:
        given["size"] = size
    if request.start is not None:
        given["start"] = read_start(request.start)
    model = open_model(request.source)
    if request.resume:
        given["done"] = _read_kept(request, model)
    result = _make(request, model, given)
    to_stdout = request.output == "-" or (request.as_json and request.output is None)
    target = None if to_stdout else _target(request, result, options)
    if target is not None:
        save(result, target, options)
    _kept_beside(request, model).unlink(missing_ok=True)
    report(
        functools.partial(json_of, result, options),
        functools.partial(describe, result),
        target,
        as_json=request.as_json,
        quiet=request.quiet,
    )


def _make(request: Request, model: Model, given: dict[str, Any]) -> Patterns:
    """The patterns, with the steps told on the way."""
    try:
        with contextlib.nullcontext() if request.quiet else Progress("steps") as progress:
            return verb.patterns(
                model, request.layers, request.channels, progress=progress, **given
            )
    except verb.PatternsInterrupted as stop:
        if stop.done is None:
            raise
        kept = _kept_beside(request, model)
        save(stop.done, kept)
        raise KeyboardInterrupt(
            f"interrupted; {len(stop.done)} of {stop.count} patterns are kept in "
            f"{printable(str(kept))}: the same command with --resume goes on"
        ) from None


def _kept_beside(request: Request, model: Model) -> Path:
    """Where what is done is kept after an interruption."""
    if request.output not in (None, "-"):
        target = Path(str(request.output))
        return target.with_name(f"{target.name}.partial.npz")
    return Path(f"{_stem(model.info)}-patterns.partial.npz")


def _read_kept(request: Request, model: Model) -> Patterns:
    kept = _kept_beside(request, model)
    if not kept.is_file():
        raise UsageError(f"--resume: there is no {kept} to go on from: leave --resume out")
    done: Patterns = load(kept, NOUN, model.info)
    return done


def _stem(info: ModelInfo) -> str:
    return file_name(Path(info.source).stem or info.name)


def _check_output(request: Request, given: dict[str, Any]) -> None:
    """Refuses what cannot be written before the work begins."""
    if request.output in (None, "-"):
        return
    _, suffix = check_output(str(request.output), NOUN)
    if suffix in ANIMATIONS and not given.get("frames"):
        raise UsageError(
            f"{suffix} is an animation of the patterns on their way: ask for frames, "
            "such as --frames 24"
        )


def read_start(path: Path) -> FloatArray:
    """The array that every pattern starts from.

    Raises:
        UsageError: The file holds no array of numbers.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise UsageError(f"--start: cannot read {path}: {error.strerror}") from error
    except (ValueError, EOFError) as error:
        raise UsageError(
            f"--start expects a .npy file of (height, width, channel), found {path} ({error})"
        ) from error
    if array.dtype.kind not in "fiu":
        raise UsageError(f"--start expects numbers, found {array.dtype} in {path}")
    return np.asarray(array, np.float32)


def describe(result: Patterns) -> str:
    """What a result holds, in words and a table."""
    lines = [f"{result.model.name} ({result.model.source}), {result.model.framework}"]
    lines += [f"rewrite: {text}" for text in result.model.rewrites]
    scale, options = result.preprocessing, result.options
    lines.append(f"preprocessing {scale.name}: {scale.describe()} ({scale.reason})")
    height, width = options.size
    lines.append(
        f"method {options.method}: at most {options.steps} steps of {options.rate:g} on "
        f"{height} x {width} pixels, seed {options.seed}"
        + (f", {options.precision} precision" if options.precision != "float32" else "")
    )
    if result.natural is not None:
        lines.append(f"compared with {result.natural_count} natural images")
    lines += [f"note: {note}" for note in result.notes]
    lines = [printable(line) for line in lines]
    heads = ["layer", "channel", "reached", "start", "kept", "ended"]
    if result.natural is not None:
        heads[5:5] = ["natural max", "percentile"]
    rows = [heads, *(_row(result, place) for place in range(len(result)))]
    lines += ["", format_table(rows, right=range(2, len(heads) - 1)), ""]
    dead = int(result.dead.sum())
    failed = int(result.failed.sum())
    lines.append(
        f"{plural(len(result), 'pattern')}, {dead} dead"
        + (f", {failed} failed: {FAILED}" if failed else "")
    )
    return "\n".join(lines)


def _row(result: Patterns, place: int) -> list[str]:
    objective = result.objectives[place]
    name = short_name(result, place) + (f" facet {objective.facet}" if objective.facet else "")
    natural = []
    if result.natural is not None and result.percentile is not None:
        percentile = float(result.percentile[place])
        natural = [amount(float(result.natural[place, 2])), f"{percentile:.3g}%"]
    steps = int(result.steps[place])
    ended = "converged" if result.converged[place] else "not converged"
    mark = empty_mark(result, place)
    return [
        objective.layer,
        name,
        amount(float(result.activation[place])),
        amount(float(result.start_activation[place])),
        kept(result, place).replace("\N{EN DASH}", "-"),
        *natural,
        f"{mark} after {steps} steps" if mark else f"{ended} after {steps}",
    ]


def _target(request: Request, result: Patterns, options: GalleryOptions) -> Path:
    """Where to: as asked, else a name made of the model's in this folder."""
    if request.output is not None:
        return Path(request.output)
    view = options.view or default_view(result)
    suffix = ".pdf" if view == "sheet" else ".png"
    if result.frames is not None:
        suffix = ".gif"
    return Path(f"{_stem(result.model)}-patterns{suffix}")
