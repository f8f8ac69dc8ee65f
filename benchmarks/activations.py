"""How long it takes to see every map, against what people do by hand.

Prints ratios; each is measured against a floor or another way of doing the same work in the
same run, pair by pair, and given as the median with least and greatest.

Usage::

    python benchmarks/activations.py [--model FILE] [--image FILE] [--backend NAME] [--runs N]

The others are written anew from their descriptions: the lab's recipe gives every map an
axis of its own in one Matplotlib figure and saves that as PDF; keract's manner gives every
layer a figure of its own, with an axis for each map, and saves each as PNG.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "src" / "layersight" / "assets" / "demo"

BARE = """
import sys, numpy as np, keras
model = keras.saving.load_model(sys.argv[1])
size = model.input_shape[1:3]
image = keras.utils.img_to_array(keras.utils.load_img(sys.argv[2], target_size=size))
np.asarray(model.predict(image[None] / 255, verbose=0))
"""

LAB = """
import sys, math, numpy as np, keras, matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
sys.path.insert(0, sys.argv[4])
from activations import draw_as_the_lab
model = keras.saving.load_model(sys.argv[1])
image = keras.utils.load_img(sys.argv[2], target_size=model.input_shape[1:3])
tensor = keras.utils.img_to_array(image)[None] / 255
layers = model.layers[:8]
seer = keras.Model(model.inputs, [layer.output for layer in layers])
maps = seer.predict(tensor, verbose=0)
draw_as_the_lab([layer.name for layer in layers], maps, sys.argv[3])
"""


def draw_as_the_lab(names: list[str], maps: list[Any], target: str) -> None:
    """Every map on an axis of its own, sixteen in a row, in one figure."""
    import matplotlib.pyplot as plt
    import numpy as np

    count = sum(array.shape[-1] for array in maps)
    rows = math.ceil(count / 16)
    figure, axes = plt.subplots(nrows=rows, ncols=16, figsize=(16, rows * 1.5))
    place = 0
    with np.errstate(all="ignore"):
        for name, array in zip(names, maps, strict=True):
            for channel in range(array.shape[-1]):
                axis = axes[place // 16, place % 16]
                tile = array[0, :, :, channel].copy()
                tile -= tile.mean()
                tile /= tile.std()
                tile = np.nan_to_num(np.clip(tile * 64 + 128, 0, 255)).astype("uint8")
                axis.imshow(tile, aspect="auto", cmap="viridis")
                axis.get_xaxis().set_ticks([])
                axis.get_yaxis().set_ticks([])
                if channel == 0:
                    axis.set_title(name, fontsize=10)
                place += 1
    figure.subplots_adjust(hspace=1.25)
    figure.savefig(target)
    plt.close(figure)


def draw_as_keract(names: list[str], maps: list[Any], folder: str) -> None:
    """A figure for each layer, an axis for each map, a colour bar, saved as PNG."""
    import matplotlib.pyplot as plt

    for name, array in zip(names, maps, strict=True):
        side = math.ceil(math.sqrt(array.shape[-1]))
        figure, axes = plt.subplots(side, side, squeeze=False, figsize=(12, 12))
        figure.suptitle(name)
        for place, axis in enumerate(axes.ravel()):
            axis.axis("off")
            if place < array.shape[-1]:
                axis.imshow(array[0, :, :, place])
        figure.subplots_adjust(right=0.8)
        figure.colorbar(axes[0, 0].images[0], cax=figure.add_axes((0.85, 0.15, 0.03, 0.7)))
        figure.savefig(str(Path(folder) / f"{name}.png"))
        plt.close(figure)


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(label: str, ours: Callable[[], object], other: Callable[[], object], runs: int) -> None:
    """Prints the ratio of two ways, measured in turn."""
    pairs = [(timed(ours), timed(other)) for _ in range(runs)]
    ratios = [first / second for first, second in pairs]
    seconds = [statistics.median(column) for column in zip(*pairs, strict=True)]
    print(
        f"{label:58} {statistics.median(ratios):6.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        f"   {seconds[0]:.3f} s against {seconds[1]:.3f} s",
        flush=True,
    )


def process(*arguments: str, backend: str) -> Callable[[], object]:
    """A Python process as a piece of work."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}

    def work() -> None:
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{arguments[:2]} failed:\n{done.stderr}")

    return work


def compare_drawing(model: str, image: str, runs: int) -> None:
    """Drawing and writing alone, from arrays in memory."""
    import layersight
    from layersight.nouns.activations.compute import activations

    opened = layersight.load_model(model)
    result = activations(opened, image, layers=":8", predictions=True)
    names, maps = list(result), list(result.values())
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.pdf"
        layersight.save(result, sheet)
        count = f"{result.map_count} maps"
        compare(
            f"draw and write {count}: sheet.pdf / the lab's recipe",
            lambda: layersight.save(result, sheet),
            lambda: draw_as_the_lab(names, maps, str(Path(folder) / "lab.pdf")),
            runs,
        )
        compare(
            f"draw and write {count}: sheet.pdf / keract's manner",
            lambda: layersight.save(result, sheet),
            lambda: draw_as_keract(names, maps, folder),
            runs,
        )


def compare_vgg16(runs: int) -> None:
    """Tiles and mosaics of all conv and pool maps of VGG16 against its forward pass."""
    import keras
    import numpy as np

    import layersight
    from layersight.data.stack import mosaic
    from layersight.nouns.activations.compute import activations
    from layersight.nouns.activations.options import PictureOptions
    from layersight.nouns.activations.tiles import make_tiles

    live = keras.applications.VGG16(weights=None)
    model = layersight.load_model(live)
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    names = [layer.name for layer in model.info.layers if layer.has_maps]
    result = activations(model, image, layers=names)
    options = PictureOptions()
    given = {model.info.inputs[0].name: result.images[0].values[None]}

    def draw() -> None:
        for entry in result.layers:
            mosaic(make_tiles(entry, 0, options).pixels)

    draw()
    compare(
        f"VGG16: mosaics of {result.map_count} maps / a warm pass to all of them",
        draw,
        lambda: model.forward(given, names),
        runs,
    )


def compare_processes(model: str, image: str, backend: str, runs: int) -> None:
    """Whole processes, from the shell's point of view."""
    command = ("-c", "from layersight.cli import main; main()")
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "sheet.pdf")
        ours = process(
            *command, "activations", model, image, "-l", ":8", "-o", target, backend=backend
        )
        bare = process("-c", BARE, model, image, backend=backend)
        lab = process("-c", LAB, model, image, target, str(Path(__file__).parent), backend=backend)
        ours()
        bare()
        compare("process: layersight activations / bare Keras, one pass", ours, bare, runs)
        compare("process: layersight activations / the lab's script", ours, lab, max(2, runs // 2))
        plain = process("-c", "pass", backend=backend)
        compare(
            "process: layersight --help / an empty Python",
            process(*command, "--help", backend=backend),
            plain,
            runs,
        )


def main() -> None:
    """Prints all ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=str(ASSETS / "cats_dogs.keras"))
    parser.add_argument("--image", default=str(ASSETS / "chelsea.png"))
    parser.add_argument("--backend", default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    import matplotlib as mpl

    mpl.use("Agg")
    print(f"Ratios, median of {options.runs} pairs (least to greatest); {options.backend}")
    compare_processes(options.model, options.image, options.backend, options.runs)
    compare_drawing(options.model, options.image, max(2, options.runs // 2))
    compare_vgg16(options.runs)


if __name__ == "__main__":
    main()
