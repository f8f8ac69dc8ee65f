"""Makes the pictures of ``docs/patterns.md``.

``python scripts/make_pattern_pictures.py FOLDER`` wants SqueezeNet 1.1 with ImageNet weights as
``FOLDER/models/squeezenet_imagenet_notop.h5`` and photographs in ``FOLDER/images/imagenet``. The
patterns of the demo's network come from the package alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from PIL import Image

import layersight

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images"
LAYERS = ["fire2_concat", "fire3_concat", "fire5_concat", "fire7_concat", "fire9_concat"]
QUALITY = 88


def keep(result: object, name: str, **options: object) -> None:
    """Saves a picture as WebP, a tenth of the size of the PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        layersight.save(result, path, **options)
        with Image.open(path) as picture:
            picture.convert("RGB").save(TARGET / f"{name}.webp", quality=QUALITY, method=6)
    print(TARGET / f"{name}.webp")


def main() -> None:
    """Makes all of them."""
    if len(sys.argv) != 2:
        sys.exit("usage: make_pattern_pictures.py FOLDER")
    os.chdir(Path(sys.argv[1]) / "models")
    model = layersight.load_model("squeezenet_imagenet_notop.h5")
    photographs = "../images/imagenet"
    layers = layersight.patterns(model, LAYERS, "24:32", images=photographs)
    keep(layers, "patterns-layers", view="sheet")
    for method in ("classic", "robust", "maco"):
        made = layersight.patterns(
            model, "fire7_concat", "25,29:32", method=method, images=photographs, size=(128, 128)
        )
        keep(made, f"patterns-{method}", view="grid", columns=4)


if __name__ == "__main__":
    main()
