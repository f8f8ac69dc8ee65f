"""An image as the network sees it, and in its own size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from layersight.data.arrays import FloatArray
from layersight.data.display import RichDisplay
from layersight.data.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False, slots=True)
class InputImage(RichDisplay):
    """An image as the network sees it, and how it came to be.

    Attributes:
        name: The file's name, or a substitute.
        path: The file, if there is one.
        original_size: Width and height in pixels as found in the file, upright.
        pixels: ``(height, width, channel)`` uint8, fitted but not yet preprocessed; RGB or
            grey.
        values: ``(height, width, channel)`` float32, what the network gets.
        preprocessing: How ``values`` come from ``pixels``.
        steps: What was done, in words, in order.
        region: ``(top, left, bottom, right)`` in pixels of ``original_size``: where the edges
            of what the network gets lie; outside the original where black was put around it.
            ``None`` for an array that was not fitted.
        frame: The requested frame, page or slice of the file, from 0; ``None`` if none was.
        frames: ``(frame, height, width, 1 or 3)`` uint8 of an input with several pictures: frames
            of a video, slices of a volume; ``pixels`` are then the middle one.
        names: The names of the channels of a signal or the units of a vector, if the file has any;
            else empty.
    """

    noun: ClassVar[str] = "image"

    name: str
    path: Path | None
    original_size: tuple[int, int]
    pixels: NDArray[np.uint8]
    values: FloatArray
    preprocessing: Preprocessing
    steps: tuple[str, ...] = ()
    region: tuple[float, float, float, float] | None = None
    frame: int | None = None
    frames: NDArray[np.uint8] | None = None
    names: tuple[str, ...] = ()

    @property
    def is_line(self) -> bool:
        """Whether it is a signal ``(position, channel)`` or a vector ``(unit,)``, not a picture."""
        return self.values.ndim < 3

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.values.shape))
        return f"<Image {self.name!r} as the network sees it: {size}, {self.preprocessing.name}>"

    def to_json(self) -> dict[str, Any]:
        """The image as JSON-ready data, without its pixels."""
        *axes, channels = self.values.shape
        names = ("length",) if len(axes) == 1 else ("width", "height", "depth")
        size = dict(zip(names, reversed(axes), strict=False)) | {"channels": channels}
        return {
            "name": self.name,
            "path": None if self.path is None else str(self.path),
            "original_size": {"width": self.original_size[0], "height": self.original_size[1]},
            "size": size,
            "steps": list(self.steps),
            "preprocessing": self.preprocessing.to_json(),
        }


@dataclass(frozen=True, eq=False, slots=True)
class Photograph:
    """An image in its own size, and the part of it that the network saw."""

    pixels: NDArray[np.uint8]  # (height, width, 1 or 3) uint8, upright, in its own colours
    # (top, left, bottom, right) in those pixels: where the edges of the network's input lie. Inside
    # the image if it was cropped, outside if it was padded.
    region: tuple[float, float, float, float]
    reduced: float = 1.0  # how many times larger the file's own size is; 1 for all but huge images
