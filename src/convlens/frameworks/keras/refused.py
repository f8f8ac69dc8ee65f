"""A stand-in for a layer that is not built: it is seen, and it cannot be run."""

from __future__ import annotations

import re
from typing import Any

import keras

from convlens.errors import ConvlensError, UnsafeModelError
from convlens.frameworks.keras.program import Program


class Refused(keras.layers.Layer):  # type: ignore[misc]
    """Stands where a layer would run code of its author's, and after such a layer.

    Args:
        reason: Why it is not run, in a sentence.
        outputs: How many tensors it gives.
        name: The layer's name.
    """

    def __init__(self, reason: str, outputs: int = 1, name: str | None = None) -> None:
        super().__init__(name=name)
        self.reason = reason
        self._outputs = outputs
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Raises: the layer cannot be run."""
        raise self.error()

    def error(self) -> ConvlensError:
        """What to say to whom asks for it."""
        return UnsafeModelError(self.reason)

    def load_own_variables(self, store: Any) -> None:
        """Leaves the weights of the layer that it stands for where they are."""

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Tensors like the first one taken, since nothing is known of what it gives."""
        taken = [
            value
            for value in keras.tree.flatten((args, kwargs))
            if isinstance(value, keras.KerasTensor)
        ]
        specs = [keras.KerasTensor(taken[0].shape, taken[0].dtype) for _ in range(self._outputs)]
        return specs[0] if len(specs) == 1 else specs


def stand_in(kind: str, reason: str, outputs: int, name: str) -> Refused:
    """A stand-in whose class bears the name of the class that it stands for.

    The class is made anew; its name is kept to letters, digits and ``_``.
    """
    bare = re.sub(r"\W", "_", kind.rpartition(">")[2])[:80] or "Layer"
    made: Refused = type(bare, (Refused,), {"__doc__": Refused.__doc__})(reason, outputs, name)
    return made


def check_runs(program: Program, places: set[int], *, outputs: bool) -> str | None:
    """Says why the outputs of a model cannot be given, ``None`` if they can or need not.

    Args:
        program: The model's steps.
        places: The steps asked for.
        outputs: Whether outputs are wanted too.

    Raises:
        UnsafeModelError: A step asked for cannot be run.
    """
    for place in sorted(program.needed(places)):
        if isinstance(operation := program.steps[place].operation, Refused):
            raise operation.error()
    producers = program.producers() if outputs else {}
    ends = {producers[value] for value in program.outputs if value in producers}
    for place in sorted(program.needed(ends)):
        if isinstance(operation := program.steps[place].operation, Refused):
            return str(operation.reason)
    return None
