"""Saving an opened model for good, so that its framework opens it without layersight."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.atomic import replace_file
from layersight.data.model import ModelInfo
from layersight.errors import UsageError
from layersight.loading import load_model
from layersight.model import KEPT, Savable, require
from layersight.version import __version__

SCHEMA = 2  # raised whenever a field of the document changes its meaning


@dataclass(frozen=True, slots=True)
class Conversion:
    """A saved model, and what was changed.

    Attributes:
        path: The file that was written.
        model: The model that was opened; its ``rewrites`` list what was changed to open it.
        replaced: What was replaced by layers of Keras to save it, in words.
        kept: What was kept although it may surprise, in words.
    """

    path: Path
    model: ModelInfo
    replaced: tuple[str, ...]
    kept: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The conversion as JSON-ready data; the contract of ``convert --json``."""
        return {
            "schema": SCHEMA,
            "layersight": __version__,
            "source": self.model.source,
            "digest": self.model.digest,
            "file": str(self.path),
            "rewrites": list(self.model.rewrites),
            "replaced": list(self.replaced),
            "kept": list(self.kept),
        }


def convert(model: Any, path: str | os.PathLike[str]) -> Conversion:
    """Saves the upgraded model so that plain Keras 3 opens it and computes the same.

    Args:
        model: From :func:`layersight.load_model`, or its argument: a path, a live model.
        path: The file to write; its name ends in ``.keras``.

    Returns:
        The file and what was changed.

    Raises:
        UsageError: The name ends in something else, or it is the file that is converted.
        ModelFileError: A layer does not exist in Keras; the message names it.
        OutputError: The file cannot be written; nothing is left behind.
    """
    target = check_target(model, path)
    opened = load_model(model)
    require(opened, Savable, "convert", "save it with its own framework")
    _check_other(opened.info.source, target)
    with replace_file(target) as temporary:
        notes = opened.save(temporary)
    replaced = tuple(note for note in notes if not note.startswith(KEPT))
    kept = tuple(note.removeprefix(KEPT) for note in notes if note.startswith(KEPT))
    return Conversion(target, opened.info, replaced, kept)


def check_target(model: Any, path: str | os.PathLike[str]) -> Path:
    """The path to write to, if it ends in ``.keras`` and is not the file that is converted."""
    target = Path(path)
    if target.suffix.lower() != ".keras":
        raise UsageError(f"expected a file to write that ends in .keras, found '{target}'")
    if isinstance(model, str | os.PathLike):
        _check_other(os.fspath(model), target)
    return target


def _check_other(source: str, target: Path) -> None:
    """Refuses to overwrite the file that is read."""
    try:
        same = target.samefile(source)
    except (OSError, ValueError):
        return
    if same:
        raise UsageError(f"'{target}' is the file that is converted: give another name for the new")
