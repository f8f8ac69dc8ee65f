"""The predictions of a model for an image, one at each output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One number of a model's output: its place, its value, its name where known."""

    index: int
    score: float
    label: str | None = None


# Kinds of outputs: one class of several; several that are independent; one that is or is not.
CLASSES, LABELS, PROBABILITY = "classes", "labels", "probability"

# Kinds of outputs: one number, as of a regression; several, as of landmarks or an embedding.
VALUE, VALUES = "value", "values"

# Kinds of outputs: classes at each position; a picture, as of an autoencoder or of depth; numbers
# along one axis.
MAP, PICTURE, SEQUENCE = "map", "picture", "sequence"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of a model for one image at one of its outputs.

    Attributes:
        output: The name of the output's layer.
        size: How many numbers the output has.
        top: Of a vector the greatest of them, greatest first; else empty.
        kind: What its numbers mean, one of the kinds above; ``None`` where it is not known.
        shape: The shape of the output for one image.
        low: The least of its numbers; ``None`` if none is finite.
        high: Likewise the greatest.
    """

    output: str
    size: int
    top: tuple[ClassScore, ...]
    kind: str | None = None
    shape: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None

    def name_of(self, top: ClassScore) -> str:
        if top.label is not None:
            return top.label
        if self.size == 1 and self.kind in (PROBABILITY, VALUE):
            return self.kind
        return f"{'output' if self.kind == VALUES else 'class'} {top.index}"

    def describe(self) -> str:
        """The prediction in words.

        >>> Prediction("dense", 2, (ClassScore(1, 0.75, "dog"), ClassScore(0, 0.25))).describe()
        'dog 0.75, class 0 0.25'
        >>> Prediction("angle", 1, (ClassScore(0, -0.47),), VALUE).describe()
        'value -0.47'
        >>> Prediction("rgb", 192, (), PICTURE, (8, 8, 3), 0.0, 0.5).describe()
        'a picture of 8 x 8 x 3 numbers from 0 to 0.5'
        """
        named = ", ".join(f"{self.name_of(top)} {top.score:.3g}" for top in self.top)
        ends = "" if self.low is None else f" from {self.low:.3g} to {self.high:.3g}"
        if self.kind == VALUES and self.top:
            return f"{self.size} values{ends}; the greatest: {named}"
        if named or not self.shape:
            return named
        what = {MAP: "a map", PICTURE: "a picture", SEQUENCE: "a sequence"}
        sides = " x ".join(map(str, self.shape))
        return f"{what.get(self.kind or '', 'an array')} of {sides} numbers{ends}"

    def to_json(self) -> dict[str, Any]:
        """The prediction as JSON-ready data; ``None`` for what is not finite."""
        return {
            "output": self.output,
            "size": self.size,
            "kind": self.kind,
            "shape": list(self.shape),
            "min": self.low,
            "max": self.high,
            "top": [
                {
                    "index": top.index,
                    "label": top.label,
                    "score": top.score if math.isfinite(top.score) else None,
                }
                for top in self.top
            ],
        }
