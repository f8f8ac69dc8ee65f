"""``layersight activations``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.batch.request import ImageOptions
from layersight.data.command import Arguments, Command, Debug, Images, Labelled, Output, Selection
from layersight.data.fields import Options, option
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.survey.options import SURVEY


def arrange(arguments: Arguments) -> Arguments:
    """Runs the pass to its end only where predictions are shown."""
    suffix = Path(arguments.get("output") or "").suffix.lower()
    as_json = arguments.get("json", False)
    drawn = "output" not in arguments or suffix in (".pdf", ".png", ".svg")
    wanted = (arguments.get("view") or view(arguments)) == "sheet" or as_json or not drawn
    return {**arguments, "predictions": as_json if suffix in (".npz", ".zarr") else wanted}


def view(arguments: Arguments) -> str:
    """A picture for a file that holds one, else the document."""
    suffix = Path(arguments.get("output") or "").suffix.lower()
    return "grid" if suffix in (".png", ".svg") else "sheet"


def ending(result: Any, arguments: Arguments) -> str:
    """A document, or a picture of the view."""
    shown = arguments.get("view") or "sheet"
    return "-activations.pdf" if shown == "sheet" else f"-{shown}.png"


@dataclass(frozen=True, slots=True)
class Compared(Options):
    """What the image is compared with."""

    survey: str | None = option(None, help=SURVEY, metavar="DIR", flag="--survey")


COMMAND = Command(
    example="layersight activations model.h5 dog.jpg --layers :8 --output maps.pdf",
    noun="activations",
    verb="layersight.nouns.activations.compute:activations",
    options=(Images, Selection, Compared, ImageOptions, Labelled, Output, Debug),
    pictures=PictureOptions,
    takes="images",
    imageless=True,
    outputs=".pdf .png .svg .html .npz .zarr .json, a folder, or - for JSON; else beside the "
    "image, of several a PDF in the present folder.",
    arrange=arrange,
    view=view,
    ending=ending,
)
