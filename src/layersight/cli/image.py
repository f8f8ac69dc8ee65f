"""``layersight image``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Labelled, Output
from layersight.data.fields import Options, option
from layersight.errors import UsageError


@dataclass(frozen=True, slots=True)
class Picture(Options):
    """Which images, for which input, and the output."""

    image: tuple[str, ...] = option((), help="Files, folders or quoted globs.", flag="IMAGE")
    input_name: str | None = option(
        None, help="Which, for a model with several inputs.", metavar="NAME", flag="--input"
    )
    output: str | None = option(
        None,
        help=".png .pdf .svg .html .json, or - for JSON; else beside the image.",
        metavar="PATH",
        flag="--output -o",
    )


def run(arguments: Arguments) -> None:
    """Loads each image as the model will see it, prints its facts and writes a picture."""
    from layersight.cli.opening import open_model
    from layersight.cli.run import beside, check_images, image_groups, report
    from layersight.export.files import check_output, save
    from layersight.nouns.activations.compute import load_image
    from layersight.nouns.image.noun import NOUN

    output, as_json = arguments.get("output"), arguments.get("json", False)
    images = arguments.get("image", ())
    if not images:
        raise UsageError("give an image: layersight image MODEL IMAGE")
    check_images(images, ())
    if output not in (None, "-"):
        check_output(output, NOUN)
    source: dict[str, Any] = {name: arguments.get(name) for name in Labelled.__dataclass_fields__}
    names = [field.name for field in dataclasses.fields(ImageOptions)]
    options = {name: arguments[name] for name in names if name in arguments}
    model = open_model(**source)
    groups = [
        [path] for group in image_groups(model.info, images, (), together=True) for path in group
    ]
    if output is not None and len(groups) > 1:
        raise UsageError(f"--output names one file, found {len(groups)} images: leave it out")
    for (path,) in groups:
        image = load_image(path, model, input_name=arguments.get("input_name"), **options)
        look: Any = NOUN.options()
        to_stdout = output == "-" or (as_json and output is None)
        target = None if to_stdout else Path(output or beside(image, groups, "-input.png"))
        if target is not None:
            save(image, target, look)
        report(image, look, arguments, target, as_json=as_json or to_stdout)


COMMAND = Command(
    example="layersight image model.h5 dog.jpg",
    options=(Labelled, Picture, ImageOptions, Output, Debug),
    run="layersight.cli.image:run",
)
