"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layersight.cli.evaluate_command import evaluate
from layersight.cli.heat_command import heatmap
from layersight.cli.options import (
    Architecture,
    Backend,
    Channels,
    Debug,
    Frame,
    Json,
    Labels,
    Layers,
    MaxMemory,
    ModelArgument,
    Quiet,
    Scale,
    Trust,
    Weights,
)

app = typer.Typer(
    name="layersight",
    help="Shows what a convolutional network sees.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from layersight.version import __version__

        print(f"layersight {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Shows what a convolutional network sees."""


@app.command(epilog="Example: layersight summary model.keras")
def summary(
    model: ModelArgument,
    weights: Weights = None,
    architecture: Architecture = None,
    trust: Trust = False,
    backend: Backend = None,
    max_memory: MaxMemory = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Shows the layers of a model: shapes, parameters, kernels, receptive fields."""
    from layersight.cli.opening import Source
    from layersight.cli.summary import run

    source = Source(
        model, weights, architecture, backend=backend, trust=trust, max_memory=max_memory
    )
    run(source, as_json=json)


@app.command(epilog="Example: layersight convert old.h5 new.keras")
def convert(
    model: ModelArgument,
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The .keras file to write.")],
    weights: Weights = None,
    architecture: Architecture = None,
    backend: Backend = None,
    max_memory: MaxMemory = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Saves an old model so that plain Keras 3 opens it and computes the same."""
    from layersight.cli.convert import run
    from layersight.cli.opening import Source

    source = Source(model, weights, architecture, backend=backend, max_memory=max_memory)
    run(source, new, as_json=json, quiet=quiet)


@app.command(
    epilog="Example: layersight activations model.h5 dog.jpg --layers :8 --output maps.pdf"
)
def activations(
    model: ModelArgument,
    image: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Files, folders or quoted globs."),
    ] = None,
    layers: Layers = None,
    channels: Channels = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help=".pdf .png .svg .html .npz .zarr .json, a folder, or - for JSON; "
            "else beside the image.",
        ),
    ] = None,
    view: Annotated[
        str | None, typer.Option(metavar="VIEW", help="sheet, grid, channel or across.")
    ] = None,
    normalise: Annotated[
        str, typer.Option(metavar="HOW", help="standardise, minmax, layer or none.")
    ] = "standardise",
    contrast: Annotated[
        float, typer.Option(metavar="N", help="For standardise: steps for one deviation.")
    ] = 64.0,
    centre: Annotated[
        float, typer.Option(metavar="N", help="For standardise: the step of the mean.")
    ] = 128.0,
    colormap: Annotated[
        str, typer.Option(metavar="NAME", help="viridis, cividis, magma, inferno, plasma, grey.")
    ] = "viridis",
    columns: Annotated[int, typer.Option(metavar="N", help="Tiles in a row.")] = 16,
    scale: Scale = None,
    fit: Annotated[str, typer.Option(metavar="HOW", help="stretch, crop or pad.")] = "stretch",
    interpolation: Annotated[
        str, typer.Option(metavar="HOW", help="nearest, bilinear, bicubic, lanczos, box, hamming.")
    ] = "nearest",
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="For a model that takes any size.")
    ] = None,
    frame: Frame = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="For inputs that take no picture: what is drawn.")
    ] = 0,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=FILE", help="For a model with several inputs; may be repeated."
        ),
    ] = None,
    labels: Labels = None,
    weights: Weights = None,
    architecture: Architecture = None,
    trust: Trust = False,
    backend: Backend = None,
    max_memory: MaxMemory = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Shows what every layer makes of an image."""
    from layersight.cli.activations import Request, run
    from layersight.cli.opening import Source

    run(
        Request(
            source=Source(
                model, weights, architecture, labels, backend, trust, max_memory=max_memory
            ),
            images=tuple(image or ()),
            inputs=tuple(inputs or ()),
            layers=tuple(layers) if layers else None,
            channels=channels,
            output=output,
            view=view,
            picture={
                "normalise": normalise,
                "contrast": contrast,
                "centre": centre,
                "colormap": colormap,
                "columns": columns,
            },
            image_options={
                "scale": scale,
                "fit": fit,
                "interpolation": interpolation,
                "size": size,
                "frame": frame,
                "seed": seed,
            },
            as_json=json,
            quiet=quiet,
        )
    )


@app.command(
    epilog="Example: layersight patterns model.h5 --layers block3_conv1 --channels 0:16 "
    "--output patterns.pdf"
)
def patterns(
    model: ModelArgument,
    layers: Layers = None,
    channels: Channels = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help=".pdf .png .svg .html .npz .zarr .json, with --frames .gif .webp, a folder, or "
            "- for JSON; else named after the model, in this folder.",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(metavar="VIEW", help="pattern, grid or sheet; else the one that fits."),
    ] = None,
    columns: Annotated[int, typer.Option(metavar="N", help="Patterns in a row.")] = 8,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="robust, classic or maco.")
    ] = "robust",
    objective: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="channel: its mean; neuron: in the middle; logit: a unit below its activation.",
        ),
    ] = "channel",
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="At most; else the method's own.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="PX|HxW", help="Of the canvas; else the model's own.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="X", help="The size of a step; else the method's own.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of everything random.")] = None,
    jitter: Annotated[
        float | None, typer.Option(metavar="PX", help="The furthest shift in a step.")
    ] = None,
    zoom: Annotated[
        float | None,
        typer.Option(metavar="F", help="The furthest rescaling in a step: 0.1 is 0.9 to 1.1."),
    ] = None,
    turn: Annotated[
        float | None, typer.Option(metavar="DEG", help="The furthest rotation in a step.")
    ] = None,
    total_variation: Annotated[
        float | None, typer.Option(metavar="W", help="Weight of differences of neighbours.")
    ] = None,
    norm: Annotated[
        float | None, typer.Option(metavar="W", help="Weight of the distance from grey.")
    ] = None,
    facets: Annotated[
        int | None, typer.Option(metavar="N", help="How many different patterns of each channel.")
    ] = None,
    diversity: Annotated[
        float | None, typer.Option(metavar="W", help="Weight of the likeness of facets.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(metavar="N", help="Steps without gain that end a pattern; 0 for never."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="float32, or mixed: bfloat16 in the network, which can be faster.",
        ),
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Natural images to compare the patterns with."),
    ] = None,
    scale: Scale = None,
    input_name: Annotated[
        str | None,
        typer.Option("--input", metavar="NAME", help="Which, for a model with several inputs."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="For classic: the array that patterns start from."),
    ] = None,
    frames: Annotated[
        int | None, typer.Option(metavar="N", help="Keep so many pictures of the way there.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was interrupted.")
    ] = False,
    labels: Labels = None,
    weights: Weights = None,
    architecture: Architecture = None,
    trust: Trust = False,
    backend: Backend = None,
    max_memory: MaxMemory = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Shows what channels look for: the images that they respond to most."""
    from layersight.cli.opening import Source
    from layersight.cli.patterns import Request, run

    run(
        Request(
            source=Source(
                model, weights, architecture, labels, backend, trust, max_memory=max_memory
            ),
            layers=tuple(layers) if layers else None,
            channels=channels,
            settings={
                "method": method,
                "objective": objective,
                "steps": steps,
                "rate": rate,
                "seed": seed,
                "jitter": jitter,
                "zoom": zoom,
                "turn": turn,
                "total_variation": total_variation,
                "norm": norm,
                "facets": facets,
                "diversity": diversity,
                "patience": patience,
                "precision": precision,
                "images": images,
                "scale": scale,
                "input_name": input_name,
                "frames": frames,
            },
            size=size,
            start=start,
            output=output,
            picture={"view": view, "columns": columns},
            resume=resume,
            as_json=json,
            quiet=quiet,
        )
    )


app.command(
    epilog="Example: layersight heatmap model.h5 dog.jpg --method grad-cam --top 3 --output dog.png"
)(heatmap)
app.command(
    epilog="Example: layersight evaluate model.h5 photos/ --method grad-cam --method gradient "
    "--output scores.html"
)(evaluate)


@app.command(epilog="Example: layersight kernels model.h5 --layers conv1 --output kernels.png")
def kernels(
    model: ModelArgument,
    layers: Layers = None,
    channels: Channels = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help=".pdf .png .svg .html .npz .json, or - for JSON; else a PDF named after the "
            "model, in this folder.",
        ),
    ] = None,
    columns: Annotated[
        int,
        typer.Option(metavar="N", help="Tiles in a row: filters, or a filter's strongest inputs."),
    ] = 16,
    stored: Annotated[
        bool,
        typer.Option(
            "--stored", help="MODEL is a file of weights: its kernels as they are, no network."
        ),
    ] = False,
    weights: Weights = None,
    architecture: Architecture = None,
    trust: Trust = False,
    backend: Backend = None,
    max_memory: MaxMemory = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Shows the learned weights of filters, and the spatial patterns in them."""
    from layersight.cli.kernels import Request, run
    from layersight.cli.opening import Source

    run(
        Request(
            source=Source(
                model, weights, architecture, backend=backend, trust=trust, max_memory=max_memory
            ),
            stored=stored,
            layers=tuple(layers) if layers else None,
            channels=channels,
            columns=columns,
            output=output,
            as_json=json,
            quiet=quiet,
        )
    )


@app.command(epilog="Example: layersight demo --output layersight-demo")
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")
    ] = Path("layersight-demo"),
    backend: Backend = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Shows what a small network sees in a cat; needs no file of yours."""
    from layersight.cli.demo import run

    run(output, backend=backend, quiet=quiet)
