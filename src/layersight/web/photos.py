"""The images of an explorer: those that it was opened with, and those that a page sent.

The rule of this module: a page names an image by its id alone, never by a path; what it sends
is decoded from memory, within bounds, and kept within a number of bytes.
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
from layersight.web.requests import MAX_PHOTOGRAPH

MAX_OPENED = 200
"""Images that an explorer is opened with."""
MAX_UPLOAD_BYTES = 32 << 20
MAX_UPLOAD_PIXELS = 40_000_000
UPLOAD_CACHE_BYTES = 256 << 20
"""Bytes of the pixels of all images that pages sent."""
MAX_LOSSLESS = 128
"""Pixels of a side up to which a picture is sent without loss."""
RANDOM_INPUT = "drawn"
"""The id and name of the random input of a network that takes no image."""


class MissingError(LayersightError):
    """There is no such image here."""


@dataclass(frozen=True, eq=False, slots=True)
class Photo:
    """An image.

    Attributes:
        id: The same for the same file or bytes.
        name: What the page calls it.
        source: What the verbs take: a file, a Pillow image, an array; ``None`` for random numbers.
        edited_from: The id of the image that it was painted on.
    """

    id: str
    name: str
    source: Any
    edited_from: str | None = None

    @property
    def path_name(self) -> str:
        """The name that stands for it in a command: the path of a file."""
        return str(self.source) if isinstance(self.source, Path) else self.name


class Photos:
    """All images of an explorer.

    Args:
        sources: Files, arrays or Pillow images that it is opened with.
    """

    def __init__(self, sources: Sequence[Any]) -> None:
        self.opened = [_photo(source, index) for index, source in enumerate(sources[:MAX_OPENED])]
        self.left_out = max(0, len(sources) - MAX_OPENED)
        self._permanent = {photo.id: photo for photo in self.opened}
        self.uploads: ByteCache[Photo] = ByteCache(UPLOAD_CACHE_BYTES)

    def find(self, image: str) -> Photo:
        """An image by its id.

        Raises:
            MissingError: There is none.
        """
        photo = self._permanent.get(image) or self.uploads.get(image)
        if photo is None:
            raise MissingError(f"there is no image '{image:.40}' here any longer: send it again")
        return photo

    def upload(self, name: str, content: bytes) -> Photo:
        """Takes an image from a page.

        Raises:
            ImageError: It cannot be read.
        """
        decoded = read_bytes(content, name, MAX_UPLOAD_PIXELS)
        return self._keep(Photo(_digest(b"sent", content), name, decoded.upright))

    def add(self, photo: Photo) -> Photo:
        """Takes an image that belongs to the explorer itself."""
        self._permanent[photo.id] = photo
        return photo

    def edit(self, photo: Photo, paint: bytes) -> Photo:
        """Lays paint over an image; where there is none the image stays as it is.

        Args:
            photo: The image.
            paint: A PNG with transparency, of any size: it is stretched over the image.

        Raises:
            ImageError: It cannot be read, or the image is no picture.
        """
        over = read_bytes(paint, "the paint", MAX_PHOTOGRAPH**2).upright
        base = _picture(photo)
        with guarded(repr(photo.name)):
            layer = over.convert("RGBA").resize(base.size, Image.Resampling.NEAREST)
            edited = base.convert("RGB")
            edited.paste(layer.convert("RGB"), (0, 0), layer.getchannel("A"))
        digest = _digest(photo.id.encode(), paint)
        return self._keep(Photo(digest, f"{photo.name}, edited", edited, photo.id))

    def _keep(self, photo: Photo) -> Photo:
        self.uploads.put(photo.id, photo, photo.source.width * photo.source.height * 4)
        return photo


def _photo(source: Any, index: int) -> Photo:
    if source is None:
        return Photo(RANDOM_INPUT, RANDOM_INPUT, None)
    if isinstance(source, str | Path):
        path = Path(source)
        return Photo(_digest(b"file", str(path.absolute()).encode()), path.name, path)
    if isinstance(source, InputImage):
        return Photo(_digest(b"given", source.values.tobytes()), source.name, source)
    content = np.asarray(source).tobytes()
    return Photo(_digest(b"given", content), f"image {index + 1}", source)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:12]


def _picture(photo: Photo) -> Image.Image:
    """The picture of an image in its full size, opaque."""
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


def photograph_of(photo: Photo, image: InputImage) -> Photograph:
    """An image as a page shows it."""
    source = image if photo.source is None else photo.source
    return photograph(source, image, MAX_PHOTOGRAPH)


def sample() -> Photo:
    """The photograph of the demonstration."""
    content = resources.files("layersight.assets.demo").joinpath("chelsea.png").read_bytes()
    return Photo("chelsea", "chelsea.png", read_bytes(content, "chelsea.png").upright)


def to_file(
    pixels: np.ndarray[Any, Any], longest: int, *, lossless: bool
) -> tuple[bytes, str, tuple[int, int]]:
    """Pixels as the bytes of a file, its media type, and its width and height.

    Args:
        pixels: ``(height, width, 1, 3 or 4)`` uint8.
        longest: Pixels that its longest side may have.
        lossless: Whether the file must hold the exact pixels.
    """
    array = pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :4]
    picture = Image.fromarray(np.ascontiguousarray(array))
    factor = longest / max(picture.size)
    if factor < 1:
        size = (max(1, round(side * factor)) for side in picture.size)
        picture = picture.resize(tuple(size), Image.Resampling.LANCZOS, reducing_gap=2.0)  # type: ignore[arg-type]
    file = io.BytesIO()
    if lossless or max(picture.size) <= MAX_LOSSLESS or picture.mode == "RGBA":
        picture.save(file, "PNG")
        return file.getvalue(), "image/png", picture.size
    picture.save(file, "JPEG", quality=88)
    return file.getvalue(), "image/jpeg", picture.size
