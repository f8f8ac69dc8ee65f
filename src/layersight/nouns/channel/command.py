"""``layersight channel``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Labelled, Output
from layersight.data.fields import Options, option
from layersight.errors import UsageError

EXAMPLE = "layersight channel model.h5 conv2d_3:5 --survey survey/ --output channel.pdf"


@dataclass(frozen=True, slots=True)
class Unit(Options):
    """Which channel, and what is shown of it."""

    unit: str = option("", help="A layer and a number: conv2d_3:5.", flag="LAYER:CHANNEL")
    survey: str | None = option(
        None, help="What layersight survey wrote.", metavar="DIR", flag="--survey"
    )
    over: str | None = option(
        None, help="An image to show its map over.", metavar="IMAGE", flag="--over"
    )
    pattern: bool = option(
        True, help="Make its pattern, which takes longest.", flag="--pattern/--no-pattern"
    )
    steps: int | None = option(None, help="Of the pattern; else its own.", low=1)
    seed: int = option(0, help="Of the pattern.", low=0)


def arrange(arguments: Arguments) -> Arguments:
    """Refuses a missing survey before a model is opened."""
    if not arguments.get("survey"):
        raise UsageError(f"name the folder of a survey: {EXAMPLE}")
    return arguments


def ending(result: Any, arguments: Arguments) -> str:
    from layersight.document.words import file_name

    return f"-{file_name(result.layer)}-{result.channel}.pdf"


COMMAND = Command(
    example=EXAMPLE,
    noun="channel",
    verb="layersight.nouns.channel.compute:channel",
    progress="steps",
    options=(Unit, ImageOptions, Labelled, Output, Debug),
    outputs=".pdf .png .svg .html .json, or - for JSON; else a PDF named after the model and the "
    "channel, in this folder.",
    arrange=arrange,
    ending=ending,
)
