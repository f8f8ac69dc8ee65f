"""The types of tensors, of nodes in a graph, and of the functions that backends take and give.

Keras ships no stubs, so for the type checker everything in it is ``Any``. Annotations name its
classes all the same (``keras.Layer``, ``keras.Model``, ``keras.Operation``, ``keras.Variable``,
``keras.KerasTensor``), for the reader. Each backend has a class of tensors of its own; what
layersight needs of one is :class:`Tensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import keras

from layersight.data.arrays import Array
from layersight.frameworks.graph.view import LayerHandle

# The positional arguments of a call, with tensors at any depth.
Arguments: TypeAlias = tuple[object, ...]

Settings: TypeAlias = dict[str, object]  # the named arguments of a call, likewise

# Tensors in nested lists, tuples and dictionaries, as ``keras.tree`` handles them.
Structure: TypeAlias = object


class Tensor(Protocol):
    """A tensor of any backend, or its symbol in a graph (where a free size is ``None``)."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> object: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __getitem__(self, key: object, /) -> Tensor: ...
    def __neg__(self) -> Tensor: ...
    def __add__(self, other: Operand, /) -> Tensor: ...
    def __radd__(self, other: Operand, /) -> Tensor: ...
    def __sub__(self, other: Operand, /) -> Tensor: ...
    def __rsub__(self, other: Operand, /) -> Tensor: ...
    def __mul__(self, other: Operand, /) -> Tensor: ...
    def __rmul__(self, other: Operand, /) -> Tensor: ...
    def __truediv__(self, other: Operand, /) -> Tensor: ...
    def __rtruediv__(self, other: Operand, /) -> Tensor: ...
    def __pow__(self, other: Operand, /) -> Tensor: ...
    def __matmul__(self, other: Tensor, /) -> Tensor: ...
    def __and__(self, other: Tensor, /) -> Tensor: ...
    def __lt__(self, other: Operand, /) -> Tensor: ...
    def __le__(self, other: Operand, /) -> Tensor: ...
    def __gt__(self, other: Operand, /) -> Tensor: ...
    def __ge__(self, other: Operand, /) -> Tensor: ...


Operand: TypeAlias = "Tensor | float"


def tensors_in(values: Structure) -> list[keras.KerasTensor]:
    """The symbolic tensors in a structure."""
    return [t for t in keras.tree.flatten(values) if isinstance(t, keras.KerasTensor)]


# A computation on tensors, with any further arguments.
Function: TypeAlias = Callable[..., Tensor]

Arrays: TypeAlias = dict[str, Array]
Tensors: TypeAlias = dict[str, Tensor]
ShapeAndType: TypeAlias = tuple[Sequence[int | None], str]

Compute: TypeAlias = Callable[[Sequence[Tensor]], Tensors]
# Fixes what a computation depends on, and may start it; what it returns gives the results.
Runner: TypeAlias = Callable[[Sequence[Array]], Callable[[], Arrays]]

# From parameters to the number that is maximised, and a further result.
Objective: TypeAlias = Callable[[Tensors], tuple[Tensor, Tensor]]
# From an objective and parameters to the further result and the gradients.
Differentiate: TypeAlias = Callable[[Objective, Tensors], tuple[Tensor, Tensors]]
# From state, weights and further arguments to the next state and results.
StepFunction: TypeAlias = Callable[
    [Tensors, Sequence[Tensor], Tensors, Differentiate], tuple[Tensors, Tensors]
]
Stepper: TypeAlias = Callable[[Tensors, Sequence[Array], Arrays], tuple[Tensors, Arrays]]

# Takes the output of a layer and gives the tensor with which the pass goes on.
Hook: TypeAlias = Callable[[LayerHandle, Tensor], Tensor]
# From inputs, weights and a hook to a number for each image, and further results.
Score: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Hook], tuple[Tensor, Tensors]]
# From inputs and weights to the number for each image, its gradients, and further results.
Differ: TypeAlias = Callable[[Sequence[Array], Sequence[Array]], Arrays]


@dataclass(frozen=True, slots=True)
class Measured:
    """The sizes of the tensors of a computation."""

    largest: int  # the bytes of the largest tensor, whether intermediate or an output
    # The shapes and types of the outputs; a size that depends on values is ``None``.
    outputs: tuple[tuple[tuple[int | None, ...], str], ...]


class NodeArguments(Protocol):
    """The arguments of a call in a graph of Keras."""

    kwargs: Settings

    def fill_in(self, tensor_dict: Mapping[int, object]) -> tuple[Arguments, Settings]:
        """The arguments with other tensors, by the identity of the symbolic ones."""


class Node(Protocol):
    """A call of an operation in a graph of Keras."""

    operation: keras.Operation
    arguments: NodeArguments
    input_tensors: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    is_input: bool
