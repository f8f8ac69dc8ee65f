"""The demonstration: a small network, a photograph of a cat, every picture of them.

Both lie inside the package, with their model card and their source beside them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from convlens.export.atomic import fill_folder
from convlens.export.folder import write_folder
from convlens.export.manifest import MANIFEST
from convlens.loading import load_model
from convlens.render.options import PictureOptions
from convlens.results import Activations
from convlens.verbs.activations import activations

LABELS = ("cat", "dog")
EXTRAS = ("MODEL_CARD.md", "chelsea.txt")
"""What is told of the network and of the photograph, copied beside the pictures."""


@dataclass(frozen=True, eq=False, slots=True)
class Demo:
    """What the demonstration made.

    Attributes:
        folder: Where it was written.
        result: The activations of every layer.
    """

    folder: Path
    result: Activations


def make_demo(
    folder: Path, *, backend: str | None = None, say: Callable[[str], None] = lambda text: None
) -> Demo:
    """Writes the demonstration into a folder.

    Args:
        folder: Where to; it is made if it is not there.
        backend: As in :func:`convlens.load_model`.
        say: Gets a line before each step.

    Raises:
        OutputError: The folder cannot be written.
        BackendError: No backend for Keras is installed.
    """
    assets = resources.files("convlens.assets.demo")
    # The folder first: that it cannot be written is found out before the work.
    with resources.as_file(assets) as place, fill_folder(folder, MANIFEST) as filled:
        say("opening a small cats-and-dogs network")
        model = load_model(place / "cats_dogs.keras", backend=backend, labels=LABELS)
        say("showing it a photograph of a cat")
        result = _without_paths(
            activations(model, place / "chelsea.png", fit="crop", scale="0..1", predictions=True)
        )
        say("drawing every feature map of every layer")
        extras = {name: (place / name).read_bytes() for name in EXTRAS}
        write_folder(result, filled, PictureOptions(), extras)
    return Demo(folder, result)


def _without_paths(result: Activations) -> Activations:
    """The same result without the folder of the installation, so that it looks alike anywhere."""
    return dataclasses.replace(
        result,
        model=dataclasses.replace(result.model, source="cats_dogs.keras, in the package"),
        images=tuple(dataclasses.replace(image, path=None) for image in result.images),
    )
