"""From a result to a file, chosen by the file's suffix.

The rule of this package: a file appears completely or not at all, and contains its
origin: the layersight version, the model's digest, the images and the options.
"""

from layersight.export.files import check_output, make_options, save
from layersight.export.manifest import read_manifest

__all__ = ["check_output", "make_options", "read_manifest", "save"]
