"""From an image file to upright pixels of 8 bits.

The rule of this module: an untrusted file either gives pixels or raises an ImageError; no reference
in it is followed, and the size that it claims is checked before memory is allocated for it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

# The plugins of the formats that are read. Importing them here saves Pillow from importing
# all its plugins when a file is none of these.
from PIL import (
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from layersight.errors import ImageError, LayersightError, UsageError, near
from layersight.images import contents, depth, frames
from layersight.images.dicom import read_dicom
from layersight.images.libraries import read_film, read_heic

# The formats that are read, by Pillow's names.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")

MAX_PIXELS = 150_000_000  # of a decoded image: four bytes each in memory, several times
MAX_FILE_BYTES = 2 * 1024**3

# Pillow's mode for each number of channels that an image file can give.
MODES = {1: "L", 3: "RGB", 4: "RGBA"}

_WORDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "RGBA": "RGB with alpha",
}

# Modes that Pillow does not convert to all others directly, and what to convert them to first.
_INTERMEDIATE = {"La": "LA", "RGBa": "RGBA", "LAB": "RGB"}

_GREY = ("1", "L", "LA", "La")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_STRIP = 2**20

_READERS = {"dicom": read_dicom, "heic": read_heic, "film": read_film}

_quiet_lock = threading.Lock()
_quiet_exits: list[contextlib.ExitStack] = []
_quiet_readers = 0


@dataclass(frozen=True, eq=False, slots=True)
class Decoded:
    """A decoded image, upright and in 8 bits, to be converted to the channels that are wanted."""

    upright: Image.Image
    grey: bool  # whether it was grey in its file
    where: str  # its name in errors
    steps: tuple[str, ...]  # what was done, in words, in order

    def convert(self, channels: int | None = None) -> tuple[Image.Image, tuple[str, ...]]:
        """The image in mode L, RGB or RGBA, and all that was done.

        Without ``channels`` a grey one stays grey, and all others become RGB.
        """
        mode = ("L" if self.grey else "RGB") if channels is None else _mode_for(channels)
        upright, steps = self.upright, list(self.steps)
        with guarded(self.where):
            if mode != "RGBA" and upright.has_transparency_data:
                upright, transparent = lay_on_white(upright)
                steps += ["transparent pixels laid on white"] if transparent else []
            if upright.mode != mode:
                steps.append(
                    f"{_WORDS.get(upright.mode, upright.mode)} to {_WORDS.get(mode, mode)}"
                )
                upright = upright.convert(mode)
        return upright, tuple(steps)


def read_picture(path: str | Path, frame: int | None = None) -> Decoded:
    """The image in a file, upright and in 8 bits, before any resizing.

    JPEG, PNG, WebP, BMP, TIFF and GIF are read; DICOM, HEIC and films where the library for it
    is installed. Transparent pixels are laid on white unless four channels are converted to. Colour
    profiles are not applied, just as ``keras.utils.load_img`` does not apply them.

    Args:
        path: The file. Its name does not matter, its content does.
        frame: Which frame, page or slice of several, from 0; ``None`` for the first, of a volume
            or film the one in the middle.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "red.png")
        ...     Image.new("P", (2, 1), "red").save(path)
        ...     picture, steps = read_picture(path).convert(3)
        >>> picture.getpixel((1, 0)), steps
        ((255, 0, 0), ('palette to RGB',))
    """
    where = repr(str(path))
    number = frames.check_number(frame)
    check_file(path)
    with guarded(where), Path(path).open("rb") as file:
        first = file.read(contents.ENOUGH)
        kind = contents.library_kind(first)
        if kind is not None:
            check = functools.partial(check_dimensions, where=where)
            image, steps = _READERS[kind](Path(path), number, where, check)
            return upright_picture(image, where, steps)
        try:
            with Image.open(file, formats=FORMATS) as image:
                if number:
                    _seek(image, number, where)
                    return upright_picture(image, where, (frames.in_words(number, None),))
                picture = upright_picture(image, where)
                if _has_more_frames(image, file):
                    steps = ("the first of several frames", *picture.steps)
                    return replace(picture, steps=steps)
                return picture
        except UnidentifiedImageError as error:
            raise _unknown(first, where) from error


def open_content(content: bytes, where: str, others: bool = True) -> Image.Image:
    """Opens the image in the bytes of a file, in a format that Pillow reads, without decoding it.

    ``others`` is whether an error also names the formats that other libraries read.
    """
    with guarded(where):
        try:
            return Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise _unknown(content[: contents.ENOUGH], where, others) from error


def _unknown(first: bytes, where: str, others: bool = True) -> ImageError:
    what, advice = contents.describe(first)
    last = ", GIF, HEIC, DICOM or a film" if others else " or GIF"
    return ImageError(
        f"expected an image (JPEG, PNG, WebP, BMP, TIFF{last}), found {what}: {where}. {advice}"
    )


def read_bytes(content: bytes, name: str, most: int | None = None) -> Decoded:
    """The image in the bytes of an untrusted file, upright and in 8 bits.

    Only formats that Pillow reads are taken, and the first of several frames. It may have ``most``
    pixels.
    """
    where = repr(name)
    with guarded(where), open_content(content, where, others=False) as image:
        check_dimensions(image.size, where, most)
        return upright_picture(image, where)


def upright_picture(image: Image.Image, where: str, before: tuple[str, ...] = ()) -> Decoded:
    """A Pillow image upright and in 8 bits; to be called inside ``guarded``.

    ``before`` is what was done to it already.
    """
    grey = image.mode in _GREY or image.mode in depth.DEEP_MODES
    check_dimensions(image.size, where)
    raw = depth.raw_mode(image)
    upright, orientation = _turn_upright(image)
    steps = [f"turned upright (EXIF orientation {orientation})"] if orientation else []
    if upright.mode in depth.DEEP_MODES:
        white_is_zero = depth.counts_from_white(image)
        upright, step = depth.to_eight_bits(upright, raw, white_is_zero=white_is_zero)
        steps.append(step)
    elif ";16" in raw:
        steps.append("16 bits a channel cut to the upper 8 by the decoder")
    if upright.mode in _INTERMEDIATE:
        upright = upright.convert(_INTERMEDIATE[upright.mode])
    return Decoded(upright, grey, where, (*before, *steps))


def lay_on_white(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image on white, and whether any of its pixels was not opaque."""
    result = Image.new("RGB", image.size, (255, 255, 255))
    rows = max(1, _STRIP // image.width)
    opaque = True
    for top in range(0, image.height, rows):
        # In strips, since each conversion takes as much memory as what it converts.
        bottom = min(top + rows, image.height)
        strip = image.crop((0, top, image.width, bottom)).convert("RGBA")
        alpha = strip.getchannel("A")
        opaque = opaque and alpha.getextrema() == (255, 255)
        result.paste(strip.convert("RGB"), (0, top), alpha)
    return (image, False) if opaque else (result, True)


def to_array(picture: Image.Image) -> NDArray[np.uint8]:
    """A copy of the pixels of a Pillow image, ``(height, width, channel)`` uint8."""
    pixels = np.array(picture, np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def check_file(path: str | Path) -> None:
    """Refuses a file that does not exist, is not a regular file, or is too large."""
    file, where = Path(path), repr(str(path))
    try:
        if file.is_dir():
            raise ImageError(f"expected an image file, found a folder: {where}. Give a file in it.")
        if file.is_file():
            size = file.stat().st_size
        elif file.exists():
            raise ImageError(
                f"expected an image file, found something that is not a file: {where}. "
                "Save it in a file first."
            )
        else:
            raise ImageError(no_such_file(path))
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot read {where}: {reason(error)}.") from error
    if size > MAX_FILE_BYTES:
        raise ImageError(
            f"expected an image file of at most {MAX_FILE_BYTES / 1024**3:g} GiB, found "
            f"{size / 1024**3:.1f} GiB: {where}. Make it smaller first."
        )


def no_such_file(path: str | Path) -> str:
    """The message for a file or folder that does not exist."""
    where = repr(str(path))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        return f"expected a file, found an address: {where}. Download it and give the file."
    folder = Path(path).parent
    try:
        beside = [entry.name for entry in itertools.islice(folder.iterdir(), 2000)]
    except (OSError, ValueError):
        return f"no such file: {where}. Its folder cannot be read either; check the path."
    hint = near(Path(path).name, beside)
    return f"no such file: {where}.{hint or ' Check the path.'}"


def reason(error: BaseException) -> str:
    """The text of an error on a single line of bounded length, without a full stop."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:160].rstrip(".") or type(error).__name__


@contextlib.contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turns whatever a decoder raises into an ImageError, and silences its warnings."""
    try:
        with quiet():
            yield
    except LayersightError:
        raise
    except Image.DecompressionBombError as error:
        claimed = re.search(r"\d+", str(error))
        raise ImageError(_too_large(int(claimed[0]) if claimed else None, where)) from error
    except OSError as error:
        if error.errno is None:  # Pillow's own, about the content
            raise _undecodable(error, where) from error
        raise ImageError(f"cannot read {where}: {reason(error)}.") from error
    except MemoryError as error:
        raise ImageError(f"there is not enough memory for {where}. Make it smaller.") from error
    except Exception as error:
        # Decoders raise nearly anything for damaged bytes (OSError, SyntaxError, KeyError,
        # struct.error, zlib.error, ...), and document none of it.
        raise _undecodable(error, where) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences the warnings of Pillow and NumPy while at least one thread reads an image.

    The filters of the ``warnings`` module belong to the whole process, so the first reader
    sets them and the last one restores them.
    """
    global _quiet_readers
    with _quiet_lock:
        _quiet_readers += 1
        if _quiet_readers == 1:
            saved = contextlib.ExitStack()
            saved.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"(PIL|numpy|pydicom|pillow_heif|av)\.")
            _quiet_exits.append(saved)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_readers -= 1
            if _quiet_readers == 0:
                _quiet_exits.pop().close()


def _undecodable(error: Exception, where: str) -> ImageError:
    return ImageError(
        f"cannot decode {where}: {reason(error)}. The file is damaged or cut short; "
        "get it again or save it anew."
    )


def _mode_for(channels: int) -> str:
    try:
        return MODES[channels]
    except KeyError:
        raise UsageError(
            f"expected 1 (grey), 3 (RGB) or 4 (RGB with alpha) channels of an image, found "
            f"{channels}. Give an array instead of an image."
        ) from None


def check_dimensions(size: tuple[int, int], where: str, most: int | None = None) -> None:
    """Refuses a width and height of more pixels than are decoded, or of none."""
    width, height = size
    most = MAX_PIXELS if most is None else most
    if width < 1 or height < 1:
        raise ImageError(
            f"expected at least one pixel, found {width} x {height}: {where}. Get the file again."
        )
    if width * height > most:
        raise ImageError(_too_large(width * height, where, most))


def _too_large(pixels: int | None, where: str, most: int = MAX_PIXELS) -> str:
    size = "more" if pixels is None else f"{pixels / 1e6:,.1f}"
    return (
        f"expected an image of at most {most / 1e6:g} megapixels, found {size}: {where}. "
        "Make it smaller or cut out a part first."
    )


def _seek(image: Image.Image, number: int, where: str) -> None:
    check_dimensions(image.size, where)
    if image.format != "TIFF":  # in all others a frame is drawn over the one before
        frames.check_cost(number, image.size, where)
    for index in range(1, number + 1):
        try:
            image.seek(index)
        except EOFError as error:
            raise frames.no_such(number, index, where) from error
    check_dimensions(image.size, where)


def _has_more_frames(image: Image.Image, file: IO[bytes]) -> bool:
    if image.format != "GIF":
        return bool(getattr(image, "is_animated", False))
    try:
        # That reads on in a GIF file, which would spoil the image that is open.
        with Image.open(file, formats=["GIF"]) as again:
            return bool(getattr(again, "is_animated", False))
    except Exception:
        # Damage after the first frame is no reason to refuse that frame.
        return False


def _turn_upright(image: Image.Image) -> tuple[Image.Image, int | None]:
    """The decoded image upright, and its orientation if it had to be turned."""
    # Pillow turns TIFF files itself while decoding, and then forgets the orientation.
    before = _orientation(image) if image.format == "TIFF" else 1
    image.load()
    after = _orientation(image)
    upright = image.transpose(_TURNS[after]) if after in _TURNS else image
    return upright, next((turn for turn in (after, before) if turn in _TURNS), None)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        # Damaged EXIF data is no reason to refuse good pixels; damaged pixels show in load().
        return 1
