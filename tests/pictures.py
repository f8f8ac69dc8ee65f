"""Pictures and files of them, made where they are needed."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from layersight import images
from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.errors import ImageError
from layersight.images import reading

RGB = InputInfo("image", (None, 8, 8, 3))
ANY = InputInfo("image", (None, None, None, 3))
GREY = InputInfo("image", (None, 8, 8, 1))
SCALE = SCALES["0..1"]

IN_TMP_PATH = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

photographs = pytest.mark.parametrize(
    "photograph",
    [
        "dog.1100.jpg",
        "creative_commons_elephant.jpg",
        "person3_virus_16.jpeg",
        "IM-0115-0001.jpeg",
        "imagenet/n01494475_hammerhead.JPEG",
    ],
)


def some_pixels(height: int, width: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, *channels), np.uint8
    )


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def file_of(folder: Path, content: bytes, name: str = "file.jpg") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read_pixels(
    path, channels=3, frame=None
) -> tuple[np.ndarray, tuple[int, int], tuple[str, ...]]:
    picture, steps = reading.read_picture(path, frame).convert(channels)
    return reading.to_array(picture), picture.size, steps


def load(source, inputs=RGB, **options) -> InputImage:
    return images.load(source, inputs, **{"preprocessing": SCALE} | options)[0]


def error_of(kind, function, *args, **options) -> str:
    with pytest.raises(kind) as caught:
        function(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def result_or_error(function, *args):
    try:
        return function(*args)
    except ImageError as error:
        return error


def deep_image(values: np.ndarray) -> Image.Image:
    height, width = values.shape
    return Image.frombytes("I;16", (width, height), values.astype("<u2").tobytes())


def png_of(
    width: int, height: int, rows: bytes, bits: int = 8, colour: int = 0, extra: tuple = ()
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
