"""A tour of layersight from Python, on the network and the photograph of the demo.

Usage::

    python examples/tour.py [FOLDER]
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import layersight


def main() -> None:
    """Opens the demo's network, shows it a cat, looks at what came out."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tour")
    folder.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("layersight.assets.demo")) as assets:
        model = layersight.load_model(assets / "cats_dogs.keras", labels=("cat", "dog"))
        image = layersight.load_image(assets / "chelsea.png", model, fit="crop")
    print(f"{image.name}: {'; '.join(image.steps)}")

    maps = layersight.activations(model, image, predictions=True)
    print(f"the network says: {maps.predictions[0][0].describe()}")
    for entry in maps.layers:
        if entry.has_maps:
            dead = f"{entry.dead()} of {len(entry.channels)} dead for this image"
            print(f"{entry.name:18} {entry.values.shape[1:]}  {entry.sparsity():.0%} zeros, {dead}")

    layersight.save(maps, folder / "sheet.html")
    one = layersight.activations(model, image, layers="conv2d_1", channels="0:8")
    one.plot(view="grid", columns=4).savefig(folder / "conv2d_1.png")
    print(f"wrote {folder / 'sheet.html'} and {folder / 'conv2d_1.png'}")
    print("its origin:", layersight.read_manifest(folder / "sheet.html")["model"]["digest"][:19])


if __name__ == "__main__":
    main()
