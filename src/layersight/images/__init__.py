"""From an image file, or an array, to what the network sees.

The rule of this package: what is in a file is decided by its content and never by its name,
and everything that was done to the pixels is reported in words. What cannot be read or does not
fit is an ``ImageError``, a wrong argument a ``UsageError``.

::

    finding   folders and patterns to a list of files
    contents  what the first bytes of a file look like
    reading   file to upright pixels of 8 bits
    frames    which frame, page or slice of a file with several
    dicom     DICOM, with its window
    libraries HEIC, and a frame of a film
    depth     16 bits and floating point to 8 bits
    fitting   pixels to the size that the model takes
    arrays    arrays and ``.npy`` files
    sources   any of these to an InputImage
"""

from layersight.images.finding import SUFFIXES, find_images
from layersight.images.fitting import (
    FITS,
    INTERPOLATIONS,
    LARGEST_SIDE,
    check_size,
    choose_size,
    fit,
)
from layersight.images.reading import MAX_FILE_BYTES, MAX_PIXELS, read_pixels
from layersight.images.sources import Source, load

__all__ = [
    "FITS",
    "INTERPOLATIONS",
    "LARGEST_SIDE",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "Source",
    "check_size",
    "choose_size",
    "find_images",
    "fit",
    "load",
    "read_pixels",
]
