"""DICOM images, as a radiologist's viewer shows them.

The stored values are rescaled (slope and intercept), then brought to 0..255 by the window that
the file names, and inverted where the least value is white. The formulas are those of the DICOM
standard: rescale PS3.3 C.11.1.1.2, window functions C.11.2.1.2 and C.11.2.1.3. Where a file names
no window, the least to the greatest value are spread over 0..255.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from layersight.errors import ImageError
from layersight.images import depth, frames
from layersight.images.libraries import Check, Read, library

Numbers = NDArray[np.float64]

MAX_SAMPLES = 4  # values of a pixel


def read_dicom(path: Path, frame: int | None, where: str, check: Check) -> Read:
    """A slice of a DICOM file in 8 bits; without ``frame`` the one in the middle."""
    pydicom = library("pydicom", "a DICOM image", "dicom", where)
    codecs = library("pydicom.pixels", "a DICOM image", "dicom", where)
    data = pydicom.dcmread(path)
    if "PixelData" not in data:
        raise ImageError(
            f"expected a DICOM image, found a DICOM file without plain pixels "
            f"({_words(data, 'Modality') or 'no modality'}): {where}. Give the image itself."
        )
    size = int(data.Columns), int(data.Rows)
    check(size)
    samples = int(data.get("SamplesPerPixel", 1))
    if not 1 <= samples <= MAX_SAMPLES:
        raise ImageError(f"expected 1 to {MAX_SAMPLES} values a pixel, found {samples}: {where}.")
    count = max(1, int(data.get("NumberOfFrames") or 1))
    number = count // 2 if frame is None else frame
    if number >= count:
        raise frames.no_such(number, count, where)
    pixels = codecs.pixel_array(data, index=number)
    steps = ["DICOM"]
    if count > 1:
        why = "the middle one" if frame is None else ""
        steps.append(frames.in_words(number, count, noun="slice", why=why))
    kind = _words(data, "PhotometricInterpretation")
    if kind == "PALETTE COLOR":
        pixels, samples = codecs.apply_color_lut(pixels, data), 3
    if samples > 1:
        if pixels.dtype != np.uint8:
            pixels, low, high = depth.stretch(pixels)
            steps.append(f"{low:g}..{high:g} scaled to 0..255")
        return Image.fromarray(np.ascontiguousarray(pixels[..., :3])), tuple(steps)
    grey, more = _windowed(*_rescaled(pixels, data, number), data, number)
    steps += more
    if kind == "MONOCHROME1":
        grey = 255 - grey
        steps.append("inverted, as its least value is white")
    return Image.fromarray(grey), tuple(steps)


def count_slices(path: Path) -> int:
    """The number of slices that a DICOM file claims to have; its pixels are not read."""
    pydicom = library("pydicom", "a DICOM image", "dicom", repr(str(path)))
    data = pydicom.dcmread(path, stop_before_pixels=True)
    return max(1, min(int(data.get("NumberOfFrames") or 1), frames.MAX_FRAMES))


def _rescaled(pixels: NDArray[np.generic], data: Any, number: int) -> tuple[Numbers, list[str]]:
    """The values in the unit of the modality, such as Hounsfield units."""
    values = pixels.astype(np.float64)
    holder = _group(data, number, "PixelValueTransformationSequence")
    slope, intercept = (
        _number(holder, name, default)
        for name, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if (slope, intercept) == (1.0, 0.0) or not np.isfinite([slope, intercept]).all():
        return values, []
    sign = "-" if intercept < 0 else "+"
    return values * slope + intercept, [f"rescaled (value * {slope:g} {sign} {abs(intercept):g})"]


def _windowed(
    values: Numbers, steps: list[str], data: Any, number: int
) -> tuple[NDArray[np.uint8], list[str]]:
    """The values in 0..255 by the first window that the file names."""
    holder = _group(data, number, "FrameVOILUTSequence")
    centre, width = (_number(holder, name) for name in ("WindowCenter", "WindowWidth"))
    function = _words(holder, "VOILUTFunction") or "LINEAR"
    least = 1.0 if function == "LINEAR" else 0.0
    if not (np.isfinite([centre, width]).all() and width >= least and width > 0):
        grey, low, high = depth.stretch(values)
        return grey, [*steps, f"no window: {low:g}..{high:g} scaled to 0..255"]
    with np.errstate(all="ignore"):
        if function == "SIGMOID":
            shares = 1 / (1 + np.exp(-4 * (values - centre) / width))
        elif function == "LINEAR_EXACT":
            shares = (values - centre) / width + 0.5
        else:
            # A width of 1 is a threshold: what is at most the centre less a half is black.
            shares = np.where(
                values <= centre - 0.5 - (width - 1) / 2,
                0.0,
                ((values - (centre - 0.5)) / (width - 1) + 0.5) if width > 1 else 1.0,
            )
    grey = np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8)
    return grey, [*steps, f"window of width {width:g} around {centre:g} to 0..255"]


def _group(data: Any, number: int, name: str) -> Any:
    """The part of a file that has a setting: the frame's group, that of all frames, or the file."""
    for sequence, index in (
        ("PerFrameFunctionalGroupsSequence", number),
        ("SharedFunctionalGroupsSequence", 0),
    ):
        groups = data.get(sequence) or ()
        if index < len(groups) and groups[index].get(name):
            return groups[index].get(name)[0]
    return data


def _number(data: Any, name: str, default: float = float("nan")) -> float:
    """A number in a DICOM file, the first of several."""
    value = data.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str | int | float) and hasattr(value, "__len__"):
        if not len(value):
            return default
        value = value[0]
    return float(value)


def _words(data: Any, name: str) -> str:
    return " ".join(str(data.get(name) or "").split())[:40]
