"""The images of an explorer: those that it was opened with, and those that a page sent.

The rule of this module: a page names an image by its number alone, never by a path; what it sends
is decoded from memory, within bounds, and kept within so many bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from layersight.data.image import InputImage, Photograph
from layersight.errors import ImageError, LayersightError
from layersight.images.photograph import photograph
from layersight.images.reading import guarded, lay_on_white, read_bytes, read_picture
from layersight.images.sources import is_picture
from layersight.web.cache import ByteCache
from layersight.web.requests import LARGEST_PHOTOGRAPH

MOST_GIVEN = 200
"""Images that an explorer is opened with."""
MOST_BYTES = 32 << 20
"""Of an image that a page sends."""
MOST_PIXELS = 40_000_000
"""Likewise."""
KEPT = 256 << 20
"""Bytes of the pixels of images that pages sent, all together."""
PLAIN = 128
"""Pixels of a side up to which a picture is kept without loss."""
DRAWN = "drawn"
"""What stands for numbers that are drawn where a network takes no image."""


class MissingError(LayersightError):
    """There is no such image here."""


@dataclass(frozen=True, eq=False, slots=True)
class Photo:
    """An image.

    Attributes:
        id: Its number, the same for the same file or bytes.
        name: What to call it.
        source: What the verbs take: a file, a Pillow image, an array; ``None`` for numbers that
            are drawn.
        edited_from: The number of the image that it was made of.
    """

    id: str
    name: str
    source: Any
    edited_from: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file that the explorer was opened with."""
        return isinstance(self.source, Path)


class Photos:
    """All images of an explorer.

    Args:
        given: Files, arrays or Pillow images that it is opened with.
    """

    def __init__(self, given: Sequence[Any]) -> None:
        self.given = [_given(source, index) for index, source in enumerate(given[:MOST_GIVEN])]
        self.left_out = max(0, len(given) - MOST_GIVEN)
        self._own = {photo.id: photo for photo in self.given}
        self._sent: ByteCache[Photo] = ByteCache(KEPT)

    def find(self, number: str) -> Photo:
        """An image by its number.

        Raises:
            MissingError: There is none.
        """
        photo = self._own.get(number) or self._sent.get(number)
        if photo is None:
            raise MissingError(f"there is no image '{number:.40}' here any longer: send it again")
        return photo

    def upload(self, name: str, content: bytes) -> Photo:
        """Takes an image from a page.

        Raises:
            ImageError: It cannot be read.
        """
        decoded = read_bytes(content, name, MOST_PIXELS)
        return self._keep(_digest(b"sent", content), name, decoded.upright, None)

    def add(self, photo: Photo) -> Photo:
        """Takes an image that belongs to the explorer itself."""
        self._own[photo.id] = photo
        return photo

    def edit(self, photo: Photo, paint: bytes) -> Photo:
        """Lays what was painted over an image; where nothing was painted it stays as it is.

        Args:
            photo: The image.
            paint: A PNG with transparency, of any size: it is stretched over the image.

        Raises:
            ImageError: It cannot be read, or the image is no picture.
        """
        over = read_bytes(paint, "what was painted", LARGEST_PHOTOGRAPH**2).upright
        base = _picture(photo)
        where = repr(photo.name)
        with guarded(where):
            layer = over.convert("RGBA").resize(base.size, Image.Resampling.NEAREST)
            made = base.convert("RGB")
            made.paste(layer.convert("RGB"), (0, 0), layer.getchannel("A"))
        digest = _digest(photo.id.encode(), paint)
        return self._keep(digest, f"{photo.name}, edited", made, photo.id)

    def _keep(self, number: str, name: str, picture: Image.Image, of: str | None) -> Photo:
        photo = Photo(number, name, picture, of)
        self._sent.put(number, photo, picture.width * picture.height * 4)
        return photo


def _given(source: Any, index: int) -> Photo:
    if source is None:
        return Photo(DRAWN, DRAWN, None)
    if isinstance(source, str | Path):
        path = Path(source)
        return Photo(_digest(b"file", str(path.absolute()).encode()), path.name, path)
    name = f"image {index + 1}"
    if isinstance(source, InputImage):
        return Photo(_digest(b"given", source.values.tobytes()), source.name, source)
    content = np.asarray(source)
    return Photo(_digest(b"given", content.tobytes()), name, source)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:12]


def _picture(photo: Photo) -> Image.Image:
    """The whole picture of an image, opaque."""
    source = photo.source
    if isinstance(source, InputImage):
        source = source.path or source.pixels
    if source is None or not is_picture(source):
        raise ImageError(f"{photo.name!r} is numbers and no picture: nothing can be painted on it")
    if isinstance(source, Path):
        source = read_picture(source).upright
    elif not isinstance(source, Image.Image):
        array = np.asarray(source)
        source = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    return lay_on_white(source)[0] if source.has_transparency_data else source


def shown(photo: Photo, image: InputImage) -> Photograph:
    """An image as a page shows it."""
    source = image if photo.source is None else photo.source
    return photograph(source, image, LARGEST_PHOTOGRAPH)


def sample() -> Photo:
    """The photograph of the demonstration."""
    content = resources.files("layersight.assets.demo").joinpath("chelsea.png").read_bytes()
    return Photo("chelsea", "chelsea.png", read_bytes(content, "chelsea.png").upright)


def as_file(
    pixels: np.ndarray[Any, Any], longest: int, *, exact: bool
) -> tuple[bytes, str, tuple[int, int]]:
    """Pixels as the bytes of a file, its type, and its width and height.

    Args:
        pixels: ``(height, width, 1, 3 or 4)`` uint8.
        longest: Pixels that its longest side may have.
        exact: Whether it must be without loss.
    """
    array = pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :4]
    picture = Image.fromarray(np.ascontiguousarray(array))
    factor = longest / max(picture.size)
    if factor < 1:
        size = (max(1, round(side * factor)) for side in picture.size)
        picture = picture.resize(tuple(size), Image.Resampling.LANCZOS, reducing_gap=2.0)  # type: ignore[arg-type]
    file = io.BytesIO()
    if exact or max(picture.size) <= PLAIN or picture.mode == "RGBA":
        picture.save(file, "PNG")
        return file.getvalue(), "image/png", picture.size
    picture.save(file, "JPEG", quality=88)
    return file.getvalue(), "image/jpeg", picture.size
