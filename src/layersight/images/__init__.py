"""From an image file, or an array, to what the network sees.

The rule of this package: the kind of a file is decided by its content and never by its name,
and everything that was done to the pixels is reported in words. What cannot be read or does not
fit is an ``ImageError``, a wrong argument a ``UsageError``.

::

    finding    folders and patterns to a list of files
    contents   kinds of files by their first bytes
    reading    file to upright pixels of 8 bits
    frames     numbers of frames, pages and slices
    dicom      DICOM, with its window
    libraries  HEIC and films
    depth      16 bits and floating point to 8 bits
    fitting    pixels to the size that the model takes
    stacks     several frames or slices
    arrays     arrays and ``.npy`` files
    signals    WAV files and tables
    sources    any of these to an InputImage
    photograph the image in its original size
"""

from layersight.images.finding import SUFFIXES, find_images
from layersight.images.fitting import check_size
from layersight.images.sources import Source, load

__all__ = ["SUFFIXES", "Source", "check_size", "find_images", "load"]
