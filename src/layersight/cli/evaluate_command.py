"""The options of ``layersight evaluate``.

The rule of this module: the names of methods and metrics come from their lists, which import
nothing.
"""

from __future__ import annotations

from typing import Annotated

import typer

from layersight.cli.options import (
    Architecture,
    Backend,
    Debug,
    Frame,
    Json,
    Labels,
    MaxMemory,
    ModelArgument,
    Quiet,
    Scale,
    Trust,
    Weights,
)
from layersight.nouns.heatmaps.request import METHODS, METRICS


def evaluate(
    model: ModelArgument,
    image: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Folders, quoted globs or files."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(METHODS)}; default: all but the costly ones; or all. May be "
            "repeated.",
        ),
    ] = None,
    score: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC",
            help=f"{', '.join(METRICS)}; default: all but the last two, which make each heatmap "
            "anew; or all. May be repeated.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS", help="Explained of every image. Else the strongest class of each."
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Whose maps are used; several are fused. Else the last."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="At most so many images, evenly spread over them."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help=".pdf .png .svg .html .npz .csv .json, or - for JSON; else a PDF named after "
            "the model, in this folder.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was interrupted.")
    ] = False,
    points: Annotated[
        int | None,
        typer.Option(metavar="N", help="Deletion, insertion: in how many equal shares of pixels."),
    ] = None,
    filling: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Deletion: mean (of the image), black, grey, white or blur."
        ),
    ] = None,
    shares: Annotated[
        str | None, typer.Option(metavar="X,...", help="ROAD: the shares of pixels filled in.")
    ] = None,
    blemish: Annotated[
        float | None,
        typer.Option(metavar="X", help="ROAD: noise on pixels filled in, of the range."),
    ] = None,
    radius: Annotated[
        float | None, typer.Option(metavar="X", help="Sensitivity: the noise, of the range.")
    ] = None,
    copies: Annotated[
        int | None, typer.Option(metavar="N", help="Sensitivity: images with noise.")
    ] = None,
    stages: Annotated[
        int | None, typer.Option(metavar="N", help="Randomisation: maps on the way.")
    ] = None,
    randoms: Annotated[
        int | None, typer.Option(metavar="N", help="Random maps beside each heatmap.")
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="logit: before the last activation; output: behind it."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For methods: black, grey, white, mean or blur."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Integrated gradients: points on the way.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", help="SmoothGrad: noisy copies of the image.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(metavar="X", help="SmoothGrad: its deviation, of the range.")
    ] = None,
    masks: Annotated[
        int | None,
        typer.Option(metavar="N", help="Score-CAM, Ablation-CAM: channels; RISE: masks."),
    ] = None,
    cells: Annotated[
        int | None, typer.Option(metavar="N", help="RISE: cells along the shorter side.")
    ] = None,
    keep: Annotated[
        float | None, typer.Option(metavar="X", help="RISE: the share of cells that are kept.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(metavar="PX", help="Occlusion: the side of the patch.")
    ] = None,
    stride: Annotated[
        int | None, typer.Option(metavar="PX", help="Occlusion: from patch to patch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of everything random.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images in one pass; less takes less memory.")
    ] = None,
    scale: Scale = None,
    fit: Annotated[str | None, typer.Option(metavar="HOW", help="stretch, crop or pad.")] = None,
    interpolation: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="nearest, bilinear, bicubic, lanczos, box, hamming."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="For a model that takes any size.")
    ] = None,
    frame: Frame = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=FILE", help="For a model with several inputs; may be repeated."
        ),
    ] = None,
    input_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of several inputs the one whose pixels are explained."),
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
    """Measures over many images how far the heatmaps of each method can be believed."""
    from layersight.cli.evaluate import Request, run
    from layersight.cli.opening import Source

    run(
        Request(
            source=Source(
                model, weights, architecture, labels, backend, trust, max_memory=max_memory
            ),
            images=tuple(image or ()),
            inputs=tuple(inputs or ()),
            methods=tuple(method or ()),
            metrics=tuple(score or ()),
            settings={
                "target": target,
                "layer": layer or None,
                "limit": limit,
                "input_name": input_name,
                "batch_size": batch_size,
                "points": points,
                "filling": filling,
                "blemish": blemish,
                "radius": radius,
                "copies": copies,
                "stages": stages,
                "randoms": randoms,
                "score": explain,
                "baseline": baseline,
                "steps": steps,
                "samples": samples,
                "noise": noise,
                "masks": masks,
                "cells": cells,
                "keep": keep,
                "window": window,
                "stride": stride,
                "seed": seed,
                "scale": scale,
                "fit": fit,
                "interpolation": interpolation,
                "frame": frame,
            },
            shares=shares,
            size=size,
            output=output,
            resume=resume,
            as_json=json,
            quiet=quiet,
        )
    )
