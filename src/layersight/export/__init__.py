"""From a result to a file, chosen by the file's suffix.

The rule of this package: a file appears whole or not at all, and carries what it was made
of: the layersight version, the model's digest, the images and the options.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from layersight.data.model import ModelInfo
from layersight.errors import UsageError, near
from layersight.export.atomic import fill_folder, replace_folder, write_bytes
from layersight.export.kinds import ACTIVATIONS, Kind, kind_of
from layersight.export.manifest import MANIFEST, read_manifest
from layersight.export.numbers import dump_json
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

__all__ = ["check_output", "make_options", "read_manifest", "save"]


def save(
    result: Activations | Patterns | Kernels | Heatmaps | Evaluation | ModelInfo,
    path: str | os.PathLike[str],
    options: PictureOptions
    | GalleryOptions
    | KernelOptions
    | HeatOptions
    | TableOptions
    | None = None,
    **settings: Any,
) -> Path:
    """Writes a result to a file or folder; the suffix decides what it becomes.

    ``.pdf``, ``.html``, ``.svg`` and ``.png`` are pictures, ``.npz`` and ``.zarr`` arrays,
    ``.json`` numbers; of patterns with frames ``.gif`` and ``.webp`` are animations. A path
    without a suffix is a folder that gets pictures, the whole document and the numbers; kernels
    have no folder and no ``.zarr``, nor have evaluations, which have ``.csv`` instead.

    Args:
        result: From :func:`layersight.activations`, :func:`layersight.patterns`,
            :func:`layersight.kernels`, :func:`layersight.heatmap`, :func:`layersight.evaluate` or
            :func:`layersight.summary`.
        path: Where to. An existing file is replaced once the new one is complete.
        options: How pictures should look; or give its fields as keywords.
        settings: Fields of ``PictureOptions`` of activations, for patterns of
            :class:`layersight.nouns.patterns.options.GalleryOptions`, for kernels of
            :class:`layersight.nouns.kernels.options.KernelOptions`, for heatmaps of
            :class:`layersight.nouns.heatmaps.options.HeatOptions`; evaluations have none.

    Returns:
        The path.

    Raises:
        UsageError: The suffix is none that can be written, or an option is unknown.
        OutputError: It cannot be written there.
    """
    if isinstance(result, ModelInfo):
        return _save_summary(result, Path(path))
    kind = kind_of(result)
    target, suffix = check_output(path, kind)
    chosen = make_options(kind, **{**(dataclasses.asdict(options) if options else {}), **settings})
    if suffix in kind.files:
        write_bytes(target, kind.files[suffix](result, chosen))
        return target
    # A store is replaced as a whole; the files of a folder may lie beside others.
    place = replace_folder(target, "zarr.json") if suffix else fill_folder(target, MANIFEST)
    with place as folder:
        kind.folders[suffix](result, folder, chosen)
    return target


def make_options(kind: Kind = ACTIVATIONS, **settings: Any) -> Any:
    """The options of a kind of result from keywords.

    Raises:
        UsageError: A keyword or its value is unknown.
    """
    known = [field.name for field in dataclasses.fields(kind.options)]
    for name in settings:
        if name not in known:
            raise UsageError(f"unknown option '{name}'.{near(name, known)}")
    return kind.options(**settings)


def check_output(path: str | os.PathLike[str], kind: Kind = ACTIVATIONS) -> tuple[Path, str]:
    """The path of an output and its suffix, ``""`` for a folder.

    Raises:
        UsageError: Nothing of that suffix can be written.
    """
    if not os.fspath(path):
        raise UsageError("expected a file or folder to write, found an empty name")
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in kind.suffixes:
        return target, suffix
    folders = "" in kind.folders
    if not folders or (suffix and not target.is_dir()):
        raise UsageError(
            f"cannot write '{target}': expected one of {', '.join(kind.suffixes)}"
            f"{' or a folder without a suffix' if folders else ''}.{near(suffix, kind.suffixes)}"
        )
    return target, ""


def _save_summary(info: ModelInfo, target: Path) -> Path:
    from layersight.nouns.summary.compute import to_json

    if target.suffix.lower() != ".json":
        raise UsageError(f"a summary is written as .json, found '{target}'")
    write_bytes(target, dump_json(to_json(info)))
    return target
