"""What each kind of result can become, and how.

The rule of this module: a new kind of file is one line here; nothing else asks for the type of
a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.errors import UsageError
from layersight.export import (
    arrays,
    evaluation_files,
    folder,
    heat_arrays,
    heat_folder,
    kernel_arrays,
    pattern_arrays,
    pattern_folder,
)
from layersight.export.animation import to_gif, to_webp
from layersight.export.heat_numbers import heatmaps_to_json
from layersight.export.kernel_numbers import kernels_to_json
from layersight.export.numbers import activations_to_json, dump_json
from layersight.export.pattern_numbers import patterns_to_json
from layersight.export.pictures import to_html, to_pdf, to_png, to_svg
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations
from layersight.nouns.evaluation.options import TableOptions
from layersight.nouns.evaluation.result import Evaluation
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.result import Patterns

ToBytes = Callable[[Any, Any], bytes]
ToFolder = Callable[[Any, Path, Any], None]

PAGES: dict[str, ToBytes] = {
    ".pdf": to_pdf,
    ".png": to_png,
    ".svg": to_svg,
    ".html": to_html,
}
"""What makes the bytes of a picture of each suffix."""


ANIMATIONS: dict[str, ToBytes] = {".gif": to_gif, ".webp": to_webp}
"""What makes the bytes of an animation of each suffix."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How results of one type become files.

    Attributes:
        holds: The type of the results.
        options: The type of the options of their pictures.
        files: What makes the bytes of a file of each suffix.
        folders: What fills a folder: ``.zarr``, or ``""`` for one without a suffix.
    """

    holds: type[Any]
    options: type[Any]
    files: dict[str, ToBytes]
    folders: dict[str, ToFolder]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Every suffix that can be written; a path without one is a folder."""
        return (*self.files, *(suffix for suffix in self.folders if suffix))


ACTIVATIONS = Kind(
    Activations,
    PictureOptions,
    {
        **PAGES,
        ".npz": arrays.to_npz,
        ".json": lambda result, options: dump_json(activations_to_json(result, options)),
    },
    {".zarr": arrays.write_zarr, "": folder.write_folder},
)

PATTERNS = Kind(
    Patterns,
    GalleryOptions,
    {
        **PAGES,
        **ANIMATIONS,
        ".npz": pattern_arrays.to_npz,
        ".json": lambda result, options: dump_json(patterns_to_json(result, options)),
    },
    {".zarr": pattern_arrays.write_zarr, "": pattern_folder.write_folder},
)

KERNELS = Kind(
    Kernels,
    KernelOptions,
    {
        **PAGES,
        ".npz": kernel_arrays.to_npz,
        ".json": lambda result, options: dump_json(kernels_to_json(result, options)),
    },
    {},
)

HEATMAPS = Kind(
    Heatmaps,
    HeatOptions,
    {
        **PAGES,
        ".npz": heat_arrays.to_npz,
        ".json": lambda result, options: dump_json(heatmaps_to_json(result, options)),
    },
    {".zarr": heat_arrays.write_zarr, "": heat_folder.write_folder},
)

EVALUATIONS = Kind(
    Evaluation,
    TableOptions,
    {
        **PAGES,
        ".npz": evaluation_files.to_npz,
        ".csv": evaluation_files.to_csv,
        ".json": lambda result, options: dump_json(
            evaluation_files.evaluation_to_json(result, options)
        ),
    },
    {},
)

KINDS = (ACTIVATIONS, PATTERNS, KERNELS, HEATMAPS, EVALUATIONS)


def kind_of(result: Any) -> Kind:
    """How a result becomes files.

    Raises:
        UsageError: It is none that can be written.
    """
    for kind in KINDS:
        if isinstance(result, kind.holds):
            return kind
    raise UsageError(
        "expected activations, patterns, kernels, heatmaps, an evaluation or a summary to write, "
        f"found {type(result).__name__}"
    )
