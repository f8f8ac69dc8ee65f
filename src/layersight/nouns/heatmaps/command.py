"""``layersight heatmap``."""

from __future__ import annotations

from dataclasses import dataclass

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Images, Labelled, Output
from layersight.data.fields import Options, option, split_words
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.request import METHODS, HeatmapOptions
from layersight.nouns.survey.options import SURVEY


@dataclass(frozen=True, slots=True)
class Explained(Options):
    """Options of both heatmaps and evaluations."""

    layer: tuple[str, ...] = option(
        (), help="Whose maps are used; several are fused. Else the last.", metavar="NAME"
    )
    batch_size: int | None = option(None, help="Images in one pass; less takes less memory.")
    input_name: str | None = option(
        None, help="Of several inputs the one whose pixels are explained.", metavar="NAME"
    )


@dataclass(frozen=True, slots=True)
class HeatmapRequest(Options):
    """What is explained, and how."""

    method: tuple[str, ...] = option(
        (),
        help=f"{', '.join(METHODS)}; all that can be compared but the costly ones; costly. May be "
        "repeated.",
        choices=(*METHODS, "all"),
        metavar="NAME",
    )
    target: tuple[str, ...] = option(
        (),
        help="386, 'African elephant', 'not dog', 'tiger vs cat', LAYER:12, LAYER:12@4,7, "
        "LAYER:1@predicted; may be repeated. Else the strongest class.",
        metavar="CLASS",
    )
    top: int | None = option(None, help="So many of the strongest classes.")
    survey: str | None = option(None, help=SURVEY, metavar="DIR", flag="--survey")
    score_with: str | None = option(
        None,
        help="How far to believe it: deletion,insertion; all but the costly ones; costly.",
        metavar="METRICS",
        flag="--score",
    )
    list_methods: bool = option(
        False,
        help="What each method does, assumes and when it misleads.",
        flag="--list-methods",
    )


def arrange(arguments: Arguments) -> Arguments:
    """The keywords of the verb; wrong ones are refused before a model is opened."""
    from layersight.nouns.heatmaps.metrics.metric import choose_metrics
    from layersight.nouns.heatmaps.settings import choose_methods, make_heatmap_options

    names = split_words(arguments.get("method", ())) or ("grad-cam",)
    fields = {*HeatmapOptions.__dataclass_fields__, *ImageOptions.__dataclass_fields__}
    options = {name: value for name, value in arguments.items() if name in fields}
    make_heatmap_options(choose_methods(names), options)
    metrics = split_words(arguments.get("score_with", ""))
    if metrics:
        choose_metrics(metrics)
    return {
        **arguments,
        "method": names[0] if len(names) == 1 else list(names),
        "score_with": list(metrics),
    }


def list_methods() -> str:
    """What each method does and assumes, when it misleads, and its source."""
    from layersight.nouns.heatmaps.methods.method import methods

    return "\n\n".join(
        f"{name}: {method.says}\n"
        f"  assumes   {method.assumes}\n"
        f"  misleads  {method.misleads}\n"
        f"  source    {method.source}"
        for name, method in methods().items()
    )


COMMAND = Command(
    example="layersight heatmap model.h5 dog.jpg --method grad-cam --top 3 --output dog.png",
    noun="heatmaps",
    verb="layersight.nouns.heatmaps.compute:heatmap",
    options=(
        Images,
        HeatmapRequest,
        Explained,
        HeatmapOptions,
        ImageOptions,
        Labelled,
        Output,
        Debug,
    ),
    pictures=HeatOptions,
    takes="images",
    outputs=".png .pdf .svg .html .npz .zarr .json, a folder, or - for JSON; else beside the "
    "image, of several a PDF in the present folder.",
    arrange=arrange,
    advice="Ctrl-C writes what is done. Less: name fewer with --method and --score.",
    parts="heatmaps",
    ending=lambda result, arguments: "-heatmap.png",
)
