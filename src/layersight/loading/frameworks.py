"""The frameworks whose networks can be opened: a line for each.

The rule of this module: the package for a framework is named by string and imported when one of its
networks is opened, and nothing else knows it.
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

    Its module has ``from_live(model, labels=...)`` if it names packages, and
    ``from_file(path, labels=..., limits=...)`` if it names suffixes; both return a subclass of
    :class:`layersight.model.Forward`.
    """

    module: str  # the module that implements the contract
    packages: tuple[str, ...] = ()  # those whose objects are its live models
    # Of the files that the module opens itself, such as ``".onnx"``. Those of Keras are recognised
    # by their content, and read as data before its module is imported.
    suffixes: tuple[str, ...] = ()

    def open(self) -> Any:
        """Imports the module."""
        quieten()
        return importlib.import_module(self.module)


KERAS = Framework("layersight.frameworks.keras", packages=("keras",))

FRAMEWORKS = [KERAS]


def framework_of(source: object) -> Framework | None:
    """The framework of a live model, or the one that opens a file itself; ``None`` for others."""
    if isinstance(source, Path):
        return next((each for each in FRAMEWORKS if source.suffix.lower() in each.suffixes), None)
    packages = packages_of(source)
    return next((each for each in FRAMEWORKS if packages & {*each.packages}), None)


def packages_of(value: object) -> set[str]:
    """The packages that define the class of an object and its base classes."""
    return {base.__module__.partition(".")[0] for base in type(value).__mro__}
