"""From a result to a file, chosen by the file's suffix.

The rule of this package: a file appears whole or not at all, and carries what it was made
of: the convlens version, the model's digest, the images and the options.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convlens.errors import UsageError, near
from convlens.export.arrays import to_npz, write_zarr
from convlens.export.atomic import fill_folder, replace_folder, write_bytes
from convlens.export.manifest import manifest_of, read_manifest
from convlens.export.numbers import activations_to_json, dump_json
from convlens.export.pictures import MANIFEST, to_html, to_pdf, to_png, to_svg, write_folder
from convlens.render.options import PictureOptions
from convlens.results import Activations, ModelInfo

__all__ = ["SUFFIXES", "read_manifest", "save"]

Writer = Callable[[Activations, PictureOptions], bytes]

FILES: dict[str, Writer] = {
    ".pdf": to_pdf,
    ".png": to_png,
    ".svg": to_svg,
    ".html": to_html,
    ".npz": to_npz,
    ".json": lambda result, options: dump_json(activations_to_json(result, options)),
}
"""What makes the bytes of a file of each suffix."""

LARGEST_STEP = 1e6
"""The largest contrast and centre; beyond them nothing is left of a map but two colours."""

SUFFIXES = (*FILES, ".zarr")
"""Every suffix that can be written; a path without one is a folder."""


def save(
    result: Activations | ModelInfo,
    path: str | os.PathLike[str],
    options: PictureOptions | None = None,
    **settings: Any,
) -> Path:
    """Writes a result to a file or folder; the suffix decides what it becomes.

    ``.pdf``, ``.html``, ``.svg`` and ``.png`` are pictures, ``.npz`` and ``.zarr`` arrays,
    ``.json`` numbers. A path without a suffix is a folder that gets a picture of each layer,
    the whole document and the numbers.

    Args:
        result: From :func:`convlens.activations` or :func:`convlens.summary`.
        path: Where to. An existing file is replaced once the new one is complete.
        options: How pictures should look; or give its fields as keywords.
        settings: Fields of :class:`convlens.render.options.PictureOptions`.

    Returns:
        The path.

    Raises:
        UsageError: The suffix is none that can be written, or an option is unknown.
        OutputError: It cannot be written there.
    """
    target, suffix = check_output(path)
    chosen = make_options(**{**(dataclasses.asdict(options) if options else {}), **settings})
    if isinstance(result, ModelInfo):
        return _save_summary(result, target, suffix)
    if not isinstance(result, Activations):
        raise UsageError(
            f"expected activations or a summary to write, found {type(result).__name__}"
        )
    if suffix == ".zarr":
        with replace_folder(target, "zarr.json") as folder:
            write_zarr(result, folder, manifest_of(result, chosen))
    elif suffix:
        write_bytes(target, FILES[suffix](result, chosen))
    else:
        with fill_folder(target, MANIFEST) as folder:
            write_folder(result, folder, chosen)
    return target


def make_options(**settings: Any) -> PictureOptions:
    """Picture options from keywords.

    Raises:
        UsageError: A keyword or its value is unknown.
    """
    known = PictureOptions.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise UsageError(f"unknown option '{name}'.{near(name, known)}")
    options = PictureOptions(**settings)
    for name in ("contrast", "centre"):
        value = getattr(options, name)
        if not abs(value) <= LARGEST_STEP:
            raise UsageError(
                f"expected a {name} of at most {LARGEST_STEP:g} colour steps, found {value:g}"
            )
    return options


def check_output(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """The path of an output and its suffix, ``""`` for a folder.

    Raises:
        UsageError: Nothing of that suffix can be written.
    """
    if not os.fspath(path):
        raise UsageError("expected a file or folder to write, found an empty name")
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix in SUFFIXES:
        return target, suffix
    if suffix and not target.is_dir():
        raise UsageError(
            f"cannot write '{target}': expected one of {', '.join(SUFFIXES)} or a folder without "
            f"a suffix.{near(suffix, SUFFIXES)}"
        )
    return target, ""


def _save_summary(info: ModelInfo, target: Path, suffix: str) -> Path:
    from convlens.verbs.summary import to_json

    if suffix != ".json":
        raise UsageError(f"a summary is written as .json, found '{target}'")
    write_bytes(target, dump_json(to_json(info)))
    return target
