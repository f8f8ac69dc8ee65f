"""Patterns read back from a file that layersight wrote.

The rule of this module: what is read is checked like any file; nothing in it is run.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from layersight.data.model import ModelInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import OutputError
from layersight.export.manifest import read_manifest
from layersight.export.pattern_arrays import AXES
from layersight.nouns.patterns.result import Objective, PatternOptions, Patterns, Term

OPTIONAL = ("natural", "percentile", "transparency", "frames")
"""Arrays that not every file holds."""


def read_patterns(path: str | os.PathLike[str], model: ModelInfo) -> Patterns:
    """The patterns in a ``.npz`` file.

    Args:
        path: What :func:`layersight.save` wrote.
        model: The model that they are of.

    Raises:
        OutputError: It is no such file, or of another model.
    """
    place = Path(path)
    manifest = read_manifest(place)
    try:
        if manifest["kind"] != "patterns":
            raise ValueError(f"it holds {manifest['kind']}")
        with np.load(place, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in AXES if name in archive}
            steps = tuple(int(step) for step in archive.get("frame_steps", ()))
        missing = [name for name in AXES if name not in arrays and name not in OPTIONAL]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        found = Patterns(
            model=model,
            options=_options(manifest["options"]),
            preprocessing=Preprocessing.from_json(manifest["preprocessing"]),
            objectives=tuple(_objective(entry) for entry in manifest["objectives"]),
            natural_count=int(manifest["natural_count"]),
            frame_steps=steps,
            notes=tuple(str(note) for note in manifest["notes"]),
            **arrays,
        )
        if any(len(arrays[name]) != len(found) for name in AXES if _by_pattern(name, arrays)):
            raise ValueError("its arrays have different lengths")
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise OutputError(f"no patterns in {place}: {str(error)[:120]}") from error
    if manifest["model"]["digest"] != model.digest:
        raise OutputError(f"the patterns in {place} are of another model: {manifest['model']}")
    return found


def _by_pattern(name: str, arrays: dict[str, Any]) -> bool:
    return name in arrays and AXES[name][0] == "pattern"


def _options(saved: dict[str, Any]) -> PatternOptions:
    return PatternOptions(**{**saved, "size": tuple(saved["size"])})


def _objective(saved: dict[str, Any]) -> Objective:
    terms = [
        Term(**{**term, "direction": None if term["direction"] is None else (*term["direction"],)})
        for term in saved["terms"]
    ]
    return Objective(tuple(terms), saved["facet"])
