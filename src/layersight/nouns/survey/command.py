"""``layersight survey``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Output, Trusted, named_files
from layersight.data.fields import Options, option
from layersight.errors import UsageError
from layersight.nouns.survey.options import SurveyOptions

EXAMPLE = "layersight survey model.h5 photos/ --output survey/"


@dataclass(frozen=True, slots=True)
class Data(Options):
    """The images, and the layers that they are shown to."""

    image: tuple[str, ...] = option(
        (),
        help="A folder (its folders are classes), a list of paths (.txt), a tar of webdataset, a "
        "Parquet file; files or quoted globs.",
        flag="IMAGES",
    )
    layers: tuple[str, ...] = option(
        (),
        help="conv2d, 'conv*', :8 or Conv2D; may be repeated; else convolution and dense layers.",
        metavar="SPEC",
        flag="--layers -l",
    )
    against: str | None = option(
        None,
        help="Another model, shown the same images: which of its channels go with each channel.",
        metavar="MODEL",
    )
    fixed: tuple[str, ...] = option(
        (),
        help="What goes to another input with every image; may be repeated.",
        metavar="NAME=FILE",
        flag="--input",
    )


def arrange(arguments: Arguments) -> Arguments:
    """The keywords of the verb; refuses missing ones before a model is opened."""
    if not arguments.get("image"):
        raise UsageError(f"give images: {EXAMPLE}")
    output = arguments.get("output")
    if not output:
        raise UsageError(f"name a folder for the survey: {EXAMPLE}")
    if Path(output).suffix and not Path(output).is_dir():
        raise UsageError(
            f"a survey is a folder: expected a name without a suffix, found '{output}'"
        )
    opening = {name: arguments[name] for name in Trusted.__dataclass_fields__ if name in arguments}
    opening["source"] = opening.pop("model")
    if fixed := arguments.get("fixed"):
        arguments = {**arguments, "fixed": named_files(fixed)}
    return {**arguments, "images": arguments["image"], "folder": output, "opening": opening}


COMMAND = Command(
    example=EXAMPLE,
    noun="survey",
    verb="layersight.nouns.survey.compute:survey",
    options=(Trusted, Data, SurveyOptions, ImageOptions, Output, Debug),
    outputs="A folder for tables, pictures and the results of shards, with which the same command "
    "goes on after an interruption.",
    arrange=arrange,
)
