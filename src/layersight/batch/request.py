"""How images are brought to a model, as options.

The rule of this module: it imports neither NumPy nor a framework.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from layersight.data.fields import option, options_of

if TYPE_CHECKING:
    from layersight.data.preprocessing import Preprocessing

FITS = ("stretch", "crop", "pad")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
SCALE = (
    "0..1, -1..1, caffe, torch, none; with ,bgr for blue first; or mean=0.5,std=0.25 with a number "
    "for each channel; else what the model tells."
)


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images are brought to a model.

    Attributes:
        scale: The scale of pixels, by a name or in numbers (:func:`find_scale`), or ``None``
            for what the model itself shows and else ``0..1``.
        fit: ``"stretch"``, ``"crop"`` or ``"pad"``; ``None`` stretches pictures, and
            cuts signals that are too long or puts zeros around those that are too short.
        interpolation: Pillow's name of it; ``"nearest"`` is that of Keras's own loader.
        size: Height and width in pixels, for a model that takes any size.
        frame: Which frame, page or slice of files with several, from 0; by default the first,
            of a volume or film the middle one. For a network that takes several, the first of
            consecutive ones; by default they are spread evenly. For a table with an example in each
            row, which row.
        seed: Of the random numbers for an input that takes no picture and was given nothing,
            such as the latent vector of a generator.
    """

    scale: str | Preprocessing | None = option(  # noqa: RUF009, a field as any other
        None, help=SCALE, metavar="SCALE"
    )
    fit: str | None = option(
        None,
        help="stretch, crop or pad. Else pictures are stretched, signals cut or filled.",
        choices=FITS,
        metavar="HOW",
    )
    interpolation: str = option(
        "nearest", help=f"{', '.join(INTERPOLATIONS)}.", choices=INTERPOLATIONS, metavar="HOW"
    )
    size: tuple[int, int] | None = option(
        None, help="For a model that takes any size.", metavar="HxW"
    )
    frame: int | None = option(
        None, help="Of files with several frames, pages or slices: which, from 0."
    )
    seed: int = option(0, help="For inputs that take no picture: what is drawn.")

    def __post_init__(self) -> None:
        declared = options_of(self)
        for name in ("fit", "interpolation", "frame", "seed"):
            object.__setattr__(self, name, declared[name].check(getattr(self, name)))
        if self.size is not None:
            from layersight.images import check_size

            object.__setattr__(self, "size", check_size(self.size))
