"""The options of ``layersight heatmap``.

The rule of this module: the names of the methods come from their list, which imports nothing.
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
from layersight.nouns.heatmaps.request import METHODS


def _list_methods(asked: bool) -> None:
    if asked:
        from layersight.cli.heatmap import list_methods

        list_methods()
        raise typer.Exit


def heatmap(
    model: ModelArgument,
    image: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE", help="Files, folders or quoted globs."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(METHODS)}, or all that can be compared; may be repeated.",
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS",
            help="386, 'African elephant', 'not dog', 'tiger vs cat', LAYER:12, LAYER:12@4,7, "
            "LAYER:1@predicted; may be repeated. Else the strongest class.",
        ),
    ] = None,
    top: Annotated[
        int | None, typer.Option(metavar="N", help="So many of the strongest classes.")
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Whose maps are used; several are fused. Else the last."),
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(metavar="METRICS", help="How far to believe it: deletion,insertion or all."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help=".png .pdf .svg .html .npz .zarr .json, a folder, or - for JSON; "
            "else beside the image.",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(metavar="VIEW", help="single, row, table or sheet; else the one that fits."),
    ] = None,
    colormap: Annotated[
        str, typer.Option(metavar="NAME", help="viridis, cividis, magma, inferno, plasma, grey.")
    ] = "viridis",
    opacity: Annotated[
        float, typer.Option(metavar="X", help="Of the strongest heat over the photograph, 0 to 1.")
    ] = 0.7,
    normalise: Annotated[
        str, typer.Option(metavar="HOW", help="own: a scale for each map; shared: for its method.")
    ] = "own",
    percentile: Annotated[
        float | None,
        typer.Option(metavar="P", help="Where a scale ends; else 100, of single pixels 99.5."),
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth/--squares", help="How coarse maps are enlarged.")
    ] = True,
    columns: Annotated[int, typer.Option(metavar="N", help="Pictures in a row.")] = 4,
    explain: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="logit: before the last activation; output: behind it."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What nothing is: black, grey, white, mean or blur."),
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
    list_methods: Annotated[
        bool,
        typer.Option(
            "--list-methods",
            callback=_list_methods,
            is_eager=True,
            help="What each method does, assumes and when it misleads.",
        ),
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
    """Shows which pixels decided for a class, and how far to believe it."""
    from layersight.cli.heatmap import Request, run
    from layersight.cli.opening import Source

    def parts(given: list[str] | str | None) -> tuple[str, ...]:
        whole = [given] if isinstance(given, str) else given or []
        return tuple(part.strip() for text in whole for part in text.split(",") if part.strip())

    run(
        Request(
            source=Source(
                model, weights, architecture, labels, backend, trust, max_memory=max_memory
            ),
            images=tuple(image or ()),
            inputs=tuple(inputs or ()),
            methods=parts(method),
            targets=tuple(target or ()),
            layers=tuple(layer or ()),
            metrics=parts(score),
            settings={
                "top": top,
                "input_name": input_name,
                "batch_size": batch_size,
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
            size=size,
            output=output,
            picture={
                "view": view,
                "colormap": colormap,
                "opacity": opacity,
                "normalise": normalise,
                "percentile": percentile,
                "smooth": smooth,
                "columns": columns,
            },
            as_json=json,
            quiet=quiet,
        )
    )
