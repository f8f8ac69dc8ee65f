"""What the first bytes of a file look like, in words for an error.

The rule of this module: it only looks, it never decodes.
"""

from __future__ import annotations

ENOUGH = 256
"""How many first bytes are enough to tell."""

NUMPY_MAGIC = b"\x93NUMPY"
"""How a ``.npy`` file begins."""

_SAVE_AS = "Save it as PNG or JPEG first."

# (where, the bytes there, what it is, what to do)
_KNOWN: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "a damaged JPEG file", "Get the file again."),
    (0, b"\x89PNG", "a damaged PNG file", "Get the file again."),
    (8, b"WEBP", "a damaged WebP file", "Get the file again."),
    (0, b"GIF8", "a damaged GIF file", "Get the file again."),
    (0, b"BM", "a damaged BMP file", "Get the file again."),
    (0, b"II*\x00", "a damaged TIFF file, or one of a kind not known here", _SAVE_AS),
    (0, b"MM\x00*", "a damaged TIFF file, or one of a kind not known here", _SAVE_AS),
    (0, b"version https://git-lfs", "a Git LFS pointer", "Get the file itself: git lfs pull."),
    (0, b"%PDF", "a PDF document", _SAVE_AS),
    (0, b"\x89HDF", "an HDF5 file", "Is it a model? Then give it as the model."),
    (0, b"PK\x03\x04", "a ZIP archive", "Unpack it, or give a .keras file as the model."),
    (0, NUMPY_MAGIC, "a NumPy array", "Read it with numpy.load and give the array."),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (0, b"8BPS", "a Photoshop document", _SAVE_AS),
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000 image", _SAVE_AS),
    (0, b"\x00\x00\x01\x00", "an icon", _SAVE_AS),
    (4, b"ftypavif", "an AVIF image", _SAVE_AS),
    (4, b"ftyphei", "a HEIC image", _SAVE_AS),
    (4, b"ftypmif1", "a HEIC or AVIF image", _SAVE_AS),
    (4, b"ftyp", "a film", "Save a single frame of it as PNG or JPEG first."),
    (128, b"DICM", "a DICOM image", _SAVE_AS),
)


def describe(first: bytes) -> tuple[str, str]:
    """What begins with these bytes.

    Args:
        first: The first bytes of a file; ``ENOUGH`` of them are enough.

    Returns:
        What it looks like, and what to do.

    Example:
        >>> describe(b"<!DOCTYPE html><title>404</title>")
        ('an HTML page', 'Was it a failed download? Get the file again.')
        >>> describe(bytes([0, 1, 255]))[0]
        'unknown bytes that begin 00 01 ff'
    """
    if not first:
        return "an empty file", "Get the file again."
    for start, magic, what, advice in _KNOWN:
        if first[start:].startswith(magic):
            return what, advice
    return _describe_text(first)


def _describe_text(first: bytes) -> tuple[str, str]:
    lower = first.lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page", "Was it a failed download? Get the file again."
    if b"<svg" in lower:
        return "an SVG drawing", _SAVE_AS
    if lower.startswith(b"<?xml"):
        return "an XML document", "Give an image file."
    try:
        text = first.decode("utf-8", errors="ignore" if len(first) >= ENOUGH else "strict")
    except UnicodeDecodeError:
        text = "\0"
    if text.replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return f"text that begins {' '.join(text.split())[:24]!r}", "Give an image file."
    return f"unknown bytes that begin {first[:8].hex(' ')}", _SAVE_AS
