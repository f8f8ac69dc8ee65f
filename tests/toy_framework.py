"""A framework on a page: networks of NumPy functions, which can only run forward.

It shows what a framework has to give at the least: a class with ``info``, ``describe`` and
``forward``. Summaries, activations and the heatmaps that need no gradients then work on its
networks; everything else says in a line what they lack.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layersight.data.arrays import FloatArray
from layersight.data.model import InputInfo, LayerInfo, ModelInfo, Role
from layersight.errors import ModelInputError, SelectionError, near
from layersight.model import Forward, ForwardPass


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


ACTIVATIONS: dict[str | None, Callable[[np.ndarray], np.ndarray]] = {
    None: lambda values: values,
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, 0),
    "sigmoid": lambda values: 1 / (1 + np.exp(-values)),
    "softmax": softmax,
}


@dataclass(frozen=True)
class ToyLayer:
    """A function whose arguments are called like the inputs and layers that it takes."""

    compute: Callable[..., np.ndarray]
    role: Role = "other"
    activation: str | None = None
    type: str = "Function"
    weights: tuple[np.ndarray, ...] = ()

    @property
    def takes(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.compute).parameters)


class Toy(Forward):
    """A network of layers by their names; all arrays have their channels last."""

    def __init__(
        self,
        layers: Mapping[str, ToyLayer],
        *,
        inputs: Sequence[InputInfo],
        outputs: Sequence[str] = (),
        name: str = "toy",
        labels: tuple[str, ...] | None = None,
    ) -> None:
        self.layers = dict(layers)
        self.named = ModelInfo(
            name=name,
            source="a live model",
            digest=f"sha256:{name}",
            framework=f"numpy {np.__version__}",
            inputs=tuple(inputs),
            outputs=tuple(outputs) or tuple(layers)[-1:],
            output_layers=tuple(outputs) or tuple(layers)[-1:],
            layers=(),
            parameters=sum(w.size for layer in layers.values() for w in layer.weights),
            labels=labels,
        )

    @property
    def info(self) -> ModelInfo:
        sizes = [(entry.name, [side or 4 for side in entry.shape[1:]]) for entry in self.inputs]
        return self.describe({name: (1, *sides) for name, sides in sizes})

    @property
    def inputs(self) -> tuple[InputInfo, ...]:
        return self.named.inputs

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        return replace(
            self.named,
            layers=tuple(
                LayerInfo(
                    name,
                    layer.type,
                    (None, *self.run(zeros, name).shape[1:]),
                    parameters=sum(math.prod(weight.shape) for weight in layer.weights),
                    inputs=tuple(p if p in self.layers else "input" for p in layer.takes),
                    activation=layer.activation,
                    role=layer.role,
                )
                for name, layer in self.layers.items()
            ),
        )

    def forward(
        self, inputs: Mapping[str, FloatArray], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        for entry in self.inputs:
            if entry.name not in inputs:
                raise ModelInputError(f"input '{entry.name}' was given nothing")
        for name in layers:
            if name not in self.layers:
                raise SelectionError(f"no layer '{name}'.{near(name, self.layers)}")
        ends = self.named.outputs if outputs else ()
        values = {
            n: self.run(inputs, n).astype(np.float32) for n in dict.fromkeys([*layers, *ends])
        }
        return ForwardPass({name: values[name] for name in layers}, {n: values[n] for n in ends})

    def run(self, given: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        """What a layer gives; what is given under the name of a layer stands for it."""
        if name in given:
            return np.asarray(given[name])
        return ACTIVATIONS[self.layers[name].activation](self.before_activation(given, name))

    def before_activation(self, given: Mapping[str, np.ndarray], name: str) -> np.ndarray:
        layer = self.layers[name]
        return np.asarray(layer.compute(**{part: self.run(given, part) for part in layer.takes}))
