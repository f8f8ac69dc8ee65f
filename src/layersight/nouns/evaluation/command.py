"""``layersight evaluate``."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Images, Labelled, Output, Resume
from layersight.data.fields import Options, option, split_words
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.heatmaps.command import Explained
from layersight.nouns.heatmaps.request import METHODS, METRICS, HeatmapOptions, MeasureOptions


@dataclass(frozen=True, slots=True)
class EvaluationRequest(Options):
    """What is measured, and over how many images."""

    methods: tuple[str, ...] = option(
        (),
        help=f"{', '.join(METHODS)}; all: but the costly ones (the default); costly. May be "
        "repeated.",
        choices=(*METHODS, "all", "costly"),
        metavar="NAME",
        flag="--method",
    )
    metrics: tuple[str, ...] = option(
        (),
        help=f"{', '.join(METRICS)}; all: but the last two, which make each heatmap anew (the "
        "default); costly: those. May be repeated.",
        metavar="METRIC",
        flag="--score",
    )
    target: str | None = option(
        None, help="Explained of every image. Else the strongest class of each.", metavar="CLASS"
    )
    limit: int | None = option(None, help="At most so many images, evenly spread over them.")


def arrange(arguments: Arguments) -> Arguments:
    """The keywords of the verb; wrong ones are refused before a model is opened."""
    from layersight.nouns.evaluation.compute import check

    arguments = {**arguments}
    for name in {"methods", "metrics"} & arguments.keys():
        arguments[name] = list(split_words(arguments[name]))
    requests = (EvaluationRequest, Explained, HeatmapOptions, MeasureOptions, ImageOptions)
    fields = {name for request in requests for name in request.__dataclass_fields__}
    check(**{name: value for name, value in arguments.items() if name in fields})
    return arguments


COMMAND = Command(
    example="layersight evaluate model.h5 photos/ --method grad-cam --method gradient --output "
    "scores.html",
    noun="evaluation",
    verb="layersight.nouns.evaluation.compute:evaluate",
    options=(
        *(Images, EvaluationRequest, Explained, MeasureOptions, HeatmapOptions, ImageOptions),
        *(Resume, Labelled, Output, Debug),
    ),
    pictures=TableOptions,
    takes="all images",
    outputs=".pdf .png .svg .html .npz .csv .json, or - for JSON; else a PDF named after the "
    "model, in this folder.",
    advice="Ctrl-C keeps what is done, and --resume goes on. Less: --limit 10, or fewer with "
    "--method and --score.",
    arrange=arrange,
    ending=lambda result, arguments: "-evaluation.pdf",
)
