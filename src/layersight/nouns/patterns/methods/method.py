"""What makes a method, and the list of them.

The rule of this module: a new method is a new file beside this one, which ends with its
:class:`Method`; nothing else branches on a method's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.ascent import Ascent
from layersight.nouns import registry
from layersight.nouns.patterns.request import PatternOptions

Start = Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """What a method may use."""

    options: PatternOptions  # how patterns are made
    channels: int  # how many channels the canvas has
    start: FloatArray | None = None  # the user's own, (height, width, channel)
    spectrum: FloatArray | None = None  # mean magnitudes of natural images


@dataclass(frozen=True, eq=False, slots=True)
class Method:
    """A way to make patterns.

    Attributes:
        name: What ``--method`` calls it.
        order: Its position in lists.
        says: What it does, in a sentence.
        defaults: Its own options.
        parameters: The fields of an :class:`Ascent` that it decides.
        start: The parameters that a pattern starts from, for a facet and an attempt.
        placements: Where the network looks in a step, ``(view, 2, 3)``; ``None`` for all of
            the canvas as it is.
        show: From canvases, ``(pattern, height, width, channel)``, to what is shown of them.
        pace: What the rate is multiplied by in a step.
        settles: Whether a pattern that no longer gains ends early.
        free_side: The side of the canvas for a model that takes any size, in pixels.
        takes_start: Whether the user may give the array that every pattern starts from.
        takes_spectrum: Whether it uses the magnitudes of natural images where there are some.
        note: What a reader should know of its patterns, or ``None``.
    """

    name: str
    says: str
    defaults: PatternOptions
    parameters: Callable[[Context], dict[str, Any]]
    start: Callable[[Context, int, int], Start]
    placements: Callable[[PatternOptions, int], FloatArray] | None
    show: Callable[[FloatArray], Bytes]
    pace: Callable[[PatternOptions, int], float] = lambda options, step: 1.0
    order: int = 0
    settles: bool = True
    free_side: int = 128
    takes_start: bool = False
    takes_spectrum: bool = False
    note: str | None = None

    def apply(self, ascent: Ascent, context: Context) -> Ascent:
        return dataclasses.replace(ascent, **self.parameters(context))


def methods() -> dict[str, Method]:
    return registry.load("layersight.nouns.patterns.methods")


def find_method(name: str) -> Method:
    return registry.find(methods(), name, "method")
