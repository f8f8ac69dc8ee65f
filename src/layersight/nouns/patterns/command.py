"""``layersight patterns``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layersight.batch.request import SCALE
from layersight.data.command import Arguments, Command, Debug, Labelled, Output, Resume, Selection
from layersight.data.fields import Options, option
from layersight.errors import UsageError
from layersight.nouns.patterns.request import KINDS, METHODS, GalleryOptions, PatternOptions
from layersight.nouns.survey.options import SURVEY

if TYPE_CHECKING:
    from layersight.data.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class PatternRequest(Options):
    """What patterns are of, and what they are compared with."""

    method: str = option(
        "robust", help=f"{', '.join(METHODS)}.", choices=tuple(METHODS), metavar="NAME"
    )
    objective: str = option(
        "channel",
        help="channel: its mean; neuron: in the middle; logit: a unit below its activation.",
        choices=tuple(KINDS),
        metavar="KIND",
    )
    images: str | None = option(
        None, help="Natural images to compare the patterns with.", metavar="FOLDER"
    )
    survey: str | None = option(None, help=SURVEY, metavar="DIR", flag="--survey")
    scale: str | None = option(None, help=SCALE, metavar="SCALE")
    input_name: str | None = option(
        None, help="Which, for a model with several inputs.", metavar="NAME", flag="--input"
    )
    start: str | None = option(
        None, help="For classic: the array that patterns start from.", metavar="FILE.npy"
    )
    frames: int | None = option(None, help="Keep so many pictures of the way there.")


def arrange(arguments: Arguments) -> Arguments:
    """An animation needs frames; the start is read from its file."""
    suffix = Path(arguments.get("output") or "").suffix.lower()
    if suffix in (".gif", ".webp") and not arguments.get("frames"):
        raise UsageError(
            f"{suffix} is an animation of the patterns on their way: ask for frames, "
            "such as --frames 24"
        )
    if "start" in arguments:
        arguments["start"] = read_start(Path(arguments["start"]))
    return arguments


def read_start(path: Path) -> FloatArray:
    """The array that every pattern starts from."""
    import numpy as np

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


def ending(result: Any, arguments: Arguments) -> str:
    """An animation where there are frames, else what fits the view."""
    if result.frames is not None:
        return "-patterns.gif"
    view = arguments.get("view") or result.default_view
    return "-patterns.pdf" if view == "sheet" else "-patterns.png"


COMMAND = Command(
    example="layersight patterns model.h5 --layers block3_conv1 --channels 0:16 --output "
    "patterns.pdf",
    noun="patterns",
    verb="layersight.nouns.patterns.compute:patterns",
    progress="steps",
    parts="patterns",
    options=(Selection, PatternRequest, PatternOptions, Resume, Labelled, Output, Debug),
    pictures=GalleryOptions,
    outputs=".pdf .png .svg .html .npz .zarr .json, with --frames .gif .webp, a folder, or - for "
    "JSON; else named after the model, in this folder.",
    arrange=arrange,
    advice="Ctrl-C keeps what is done, and --resume goes on. Less: --channels 0:4, --steps 32 or a "
    "smaller --size.",
    ending=ending,
)
