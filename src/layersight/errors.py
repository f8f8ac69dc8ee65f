"""Every error that layersight raises on purpose.

The tree::

    LayersightError                   the work could not be done (exit status 1)
    ├── ModelError                  something about a model
    │   ├── ModelFileError          the file cannot be opened as a model
    │   ├── UnsafeModelError        opening it would run code or read another file
    │   ├── ModelInputError         the model takes no image, or another kind of input
    │   │   └── IndependentError    what is explained does not depend on a layer or an input
    │   └── CapabilityError         its framework cannot do what is requested
    ├── ImageError                  an image cannot be read or used
    ├── SelectionError              no such layer, channel or class
    ├── BackendError                no Keras backend, or not the requested one
    ├── OutputError                 the result cannot be written there
    └── UsageError                  arguments that do not fit together (exit status 2)

:class:`Interrupted` is Ctrl-C, with what was done.

A message is one sentence or a few: what was expected, what was found, where, what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any


class LayersightError(Exception):
    """The base of all errors that layersight raises on purpose."""

    exit_status = 1


class ModelError(LayersightError):
    """Something about a model."""


class ModelFileError(ModelError):
    """The file cannot be opened as a model."""


class UnsafeModelError(ModelError):
    """Opening the file would run code from it or read another file."""


class ModelInputError(ModelError):
    """The model takes no image, or its input does not fit what was given."""


class IndependentError(ModelInputError):
    """The number that is explained does not depend on the requested layer or input."""


class CapabilityError(ModelError):
    """The framework of the model cannot do what is requested."""


class ImageError(LayersightError):
    """An image cannot be read or used."""


class SelectionError(LayersightError):
    """There is no such layer, channel or class."""


class BackendError(LayersightError):
    """No Keras backend is installed, or not the requested one."""


class OutputError(LayersightError):
    """The result cannot be written there."""


class UsageError(LayersightError):
    """The arguments do not fit together."""

    exit_status = 2


class Interrupted(KeyboardInterrupt):
    """The user pressed Ctrl-C during work whose parts are worth keeping.

    Attributes:
        done: The result so far; ``None`` without any.
        count: How many parts there would have been.
    """

    def __init__(self, done: Any, count: int) -> None:
        words = f"interrupted; what is done of {count} is kept: sys.last_value.done"
        super().__init__(*([] if done is None else [words]))
        self.done, self.count = done, count


def shortened(text: str, most: int = 300) -> str:
    r"""A text as one line of bounded length, cut between sentences, or else between words.

    >>> shortened("Shapes do not\n meet. Found 3.", 20), shortened("Shapes do not meet", 12)
    ('Shapes do not meet.', 'Shapes do ...')
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text[: 50 * most])  # colours
    line = " ".join("".join(c if c.isprintable() else " " for c in plain).split())
    if len(line) <= most:
        return line
    sentence = line.rfind(". ", most // 3, most)
    if sentence >= 0:
        return line[: sentence + 1]
    return f"{line[:most].rpartition(' ')[0] or line[:most]} ..."


def near(name: str, candidates: Iterable[str], limit: int = 3) -> str:
    """A hint with the known names nearest to ``name``, or an empty string.

    A name that differs in capitals alone is the only one.

    >>> near("conv2", ["conv2d", "conv2d_1", "dense"])
    ' Did you mean conv2d or conv2d_1?'
    >>> near("vgg16", ["VGG16", "VGG19"])
    ' Did you mean VGG16?'
    >>> near("zzz", ["conv2d"])
    ''
    """
    names = list(candidates)
    matches = [candidate for candidate in names if candidate.casefold() == name.casefold()][:limit]
    matches = matches or difflib.get_close_matches(name, names, n=limit, cutoff=0.55)
    if not matches:
        return ""
    listed = " or ".join([", ".join(matches[:-1]), matches[-1]] if len(matches) > 1 else matches)
    return f" Did you mean {listed}?"


def few(names: Sequence[str], most: int = 4, by: str = ", ") -> str:
    """The first of some names, and how many more there are.

    >>> few(["a", "b", "c", "d"], 2), few(["a", "b"], 2)
    ('a, b and 2 more', 'a, b')
    """
    return by.join(names[:most]) + (f" and {len(names) - most:,} more" if names[most:] else "")
