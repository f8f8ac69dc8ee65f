"""The frameworks whose networks are opened: one line each.

The rule of this module: a framework's room is named by string and imported when one of its networks
is opened, and nothing else knows it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layersight.loading.backend import quieten


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework.

    Its room has ``from_live(model, labels=...)`` if it names packages, and
    ``from_file(path, labels=..., limits=...)`` if it names suffixes; both give what derives from
    :class:`layersight.model.Forward`.
    """

    room: str  # the module that gives the contract
    packages: tuple[str, ...] = ()  # those whose objects are its live models
    # Of the files that its room opens itself, such as ``".onnx"``. Those of Keras are recognised by
    # their content, and read as data before its room is imported.
    suffixes: tuple[str, ...] = ()

    def open(self) -> Any:
        """The room, imported."""
        quieten()
        return importlib.import_module(self.room)


KERAS = Framework("layersight.frameworks.keras", packages=("keras",))

FRAMEWORKS = [KERAS]


def framework_of(source: object) -> Framework | None:
    """The framework of a live model, or the one that opens a file itself; ``None`` for others."""
    if isinstance(source, Path):
        return next((one for one in FRAMEWORKS if source.suffix.lower() in one.suffixes), None)
    packages = packages_of(source)
    return next((one for one in FRAMEWORKS if packages & {*one.packages}), None)


def packages_of(value: object) -> set[str]:
    """The packages that the class of an object, and those that it derives from, come from."""
    return {base.__module__.partition(".")[0] for base in type(value).__mro__}
