"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A .keras, HDF5 or TensorFlow.js model, or an architecture: VGG16."
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="jax, tensorflow or torch; else KERAS_BACKEND."),
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="For an architecture: a weights file, imagenet, random."),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|NAME",
        help="For a file of weights alone: VGG16, or model.to_json() in a file.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run the code of Lambda layers: for a file of your own only."),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="What a file's model may take for one image beside its weights: 8G; else 1G.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Names of the classes: lines, JSON or CSV."),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layers", "-l", metavar="SPEC", help="conv2d, 'conv*', :8 or Conv2D; may be repeated."
    ),
]
Channels = Annotated[
    str | None, typer.Option("--channels", "-c", metavar="SPEC", help="0,3,5-9 or 0:16.")
]
Frame = Annotated[
    int | None,
    typer.Option(metavar="N", help="Of files with several frames, pages or slices: which, from 0."),
]
Scale = Annotated[
    str | None,
    typer.Option(
        metavar="SCALE",
        help="0..1, -1..1, caffe, torch, none; with ,bgr for blue first; or "
        "mean=0.5,std=0.25 with a number for each channel; else what the model tells.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")]
