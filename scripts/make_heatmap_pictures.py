"""Makes the pictures of ``docs/heatmaps.md`` from the network and the photograph of the demo."""

from __future__ import annotations

import os
import tempfile
from importlib import resources
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from writing import save_picture

import layersight
from layersight.data.image import InputImage
from layersight.model import Model

METHODS = [
    "grad-cam",
    "layercam",
    "occlusion",
    "integrated-gradients",
    "smoothgrad",
    "guided-backprop",
]
CHECKED = ["grad-cam", "gradient", "guided-backprop"]


def draw_cascade(model: Model, image: InputImage, path: Path) -> None:
    """The maps of a network that loses what it has learned, from the output down."""
    down = [layer.name for layer in model.info.layers if layer.parameters][::-1]
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(
        len(CHECKED), len(down) + 1, figsize=(12, 6.9), layout="constrained"
    )
    for row, method in zip(axes, CHECKED, strict=True):
        for count, axis in enumerate(row):
            with model.randomised(down[:count], seed=0):
                found = layersight.heatmap(model, image, method=method, target="cat")
            greatest = float(found[0].values.max())
            axis.imshow(
                found[0].values, cmap="viridis", vmin=0, vmax=greatest or 1, interpolation="nearest"
            )
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(f"0 to {greatest:.2g}", fontsize=8)
            if method == CHECKED[0]:
                axis.set_title("as learned" if not count else f"+ {down[count - 1]}", fontsize=9)
            if not count:
                axis.set_ylabel(found.titles[method], fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Makes all of them."""
    assets = resources.files("layersight.assets.demo")
    with resources.as_file(assets) as folder, tempfile.TemporaryDirectory() as made:
        os.chdir(folder)  # no picture tells where the package lies
        model = layersight.load_model("cats_dogs.keras", labels=("cat", "dog"))
        image = layersight.load_image("chelsea.png", model, fit="crop", scale="0..1")
        save_picture(layersight.heatmap(model, image, target="cat"), "heatmaps-one")
        several = layersight.heatmap(model, image, method=METHODS, target="cat")
        save_picture(several, "heatmaps-methods", columns=3)
        draw_cascade(model, image, Path(made, "picture.png"))
        save_picture(Path(made, "picture.png"), "heatmaps-cascade")


if __name__ == "__main__":
    main()
