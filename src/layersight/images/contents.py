"""The kind of a file by its first bytes, in words for an error; nothing is decoded here."""

from __future__ import annotations

import re

ENOUGH = 256  # bytes from the start of a file by which it is recognised

NUMPY_MAGIC = b"\x93NUMPY"

_FETCH_AGAIN = "Get the file again."
_SAVE_AS = "Save it as PNG or JPEG first."
_TIFF = "a damaged TIFF file, or one of a kind not known here"

# Offset, magic bytes, description, advice.
_KINDS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\xff\xd8\xff", "a damaged JPEG file", _FETCH_AGAIN),
    (0, b"\x89PNG", "a damaged PNG file", _FETCH_AGAIN),
    (8, b"WEBP", "a damaged WebP file", _FETCH_AGAIN),
    (0, b"GIF8", "a damaged GIF file", _FETCH_AGAIN),
    (0, b"BM", "a damaged BMP file", _FETCH_AGAIN),
    (0, b"II*\x00", _TIFF, _SAVE_AS),
    (0, b"MM\x00*", _TIFF, _SAVE_AS),
    (0, b"version https://git-lfs", "a Git LFS pointer", "Get the file itself: git lfs pull."),
    (0, b"%PDF", "a PDF document", _SAVE_AS),
    (0, b"\x89HDF", "an HDF5 file", "Is it a model? Then give it as the model."),
    (0, b"PK\x03\x04", "a ZIP archive", "Unpack it, or give a .keras file as the model."),
    (0, NUMPY_MAGIC, "a NumPy array", "Read it with numpy.load and give the array."),
    (0, b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (8, b"WAVE", "a WAV file", "Give it to a network that takes a signal."),
    (0, b"8BPS", "a Photoshop document", _SAVE_AS),
    (0, b"\x00\x00\x00\x0cjP", "a JPEG 2000 image", _SAVE_AS),
    (0, b"\x00\x00\x01\x00", "an icon", _SAVE_AS),
    (4, b"ftypavif", "an AVIF image", _SAVE_AS),
)

# Offset, magic bytes, the kind that a library reads, and the container of a film.
_WITH_LIBRARIES: tuple[tuple[int, bytes, str, str], ...] = (
    (128, b"DICM", "dicom", ""),
    (4, b"ftyphei", "heic", ""),
    (4, b"ftyphev", "heic", ""),
    (4, b"ftypmif1", "heic", ""),
    (4, b"ftypmsf1", "heic", ""),
    (4, b"ftyp", "film", "mov"),
    (4, b"moov", "film", "mov"),
    (4, b"mdat", "film", "mov"),
    (0, b"\x1aE\xdf\xa3", "film", "matroska"),
    (8, b"AVI LIST", "film", "avi"),
)


def library_kind(first: bytes) -> str | None:
    r"""The kind of a file with these first bytes, if a library other than Pillow reads it.

    >>> library_kind(b"\0\0\0\x18ftypheic"), library_kind(b"\x89PNG")
    ('heic', None)
    """
    if first[4:].startswith(b"ftypavif"):
        return None
    kinds = (kind for start, magic, kind, _ in _WITH_LIBRARIES if first[start:].startswith(magic))
    return next(kinds, None)


def container_of(first: bytes) -> str:
    """The container of a film with these first bytes, by FFmpeg's name."""
    containers = (c for start, magic, _, c in _WITH_LIBRARIES if first[start:].startswith(magic))
    return next(filter(None, containers), "mov")


def describe(first: bytes) -> tuple[str, str]:
    """What a file with these first bytes looks like, and what to do.

    Example:
        >>> describe(b"<!DOCTYPE html><title>404</title>")
        ('an HTML page', 'Was it a failed download? Get the file again.')
        >>> describe(bytes([0, 1, 255]))[0]
        'unknown bytes that begin 00 01 ff'
    """
    if not first:
        return "an empty file", _FETCH_AGAIN
    for start, magic, what, advice in _KINDS:
        if first[start:].startswith(magic):
            return what, advice
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
    if re.sub(r"[\n\r\t]", " ", text).isprintable():
        return f"text that begins {' '.join(text.split())[:24]!r}", "Give an image file."
    return f"unknown bytes that begin {first[:8].hex(' ')}", _SAVE_AS
