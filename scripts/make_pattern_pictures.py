"""Makes the pictures of ``docs/patterns.md``.

``python scripts/make_pattern_pictures.py FOLDER`` wants SqueezeNet 1.1 with ImageNet weights as
``FOLDER/models/squeezenet_imagenet_notop.h5`` and photographs in ``FOLDER/images/imagenet``. The
patterns of the demo's network come from the package alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from writing import save_picture

import layersight

LAYERS = ["fire2_concat", "fire3_concat", "fire5_concat", "fire7_concat", "fire9_concat"]


def main() -> None:
    """Makes all of them."""
    if len(sys.argv) != 2:
        sys.exit("usage: make_pattern_pictures.py FOLDER")
    os.chdir(Path(sys.argv[1]) / "models")
    model = layersight.load_model("squeezenet_imagenet_notop.h5")
    photographs = "../images/imagenet"
    layers = layersight.patterns(model, LAYERS, "24:32", images=photographs)
    save_picture(layers, "patterns-layers", view="sheet")
    for method in ("classic", "robust", "maco"):
        made = layersight.patterns(
            model, "fire7_concat", "25,29:32", method=method, images=photographs, size=(128, 128)
        )
        save_picture(made, f"patterns-{method}", view="grid", columns=4)


if __name__ == "__main__":
    main()
