"""The types of what Keras and its backends hand to layersight.

Keras ships no stubs, so the type checker takes everything that comes out of it for ``Any``. In
annotations its objects are named by their own classes (``keras.Layer``, ``keras.Model``,
``keras.Operation``, ``keras.Variable``, ``keras.KerasTensor``), which tells a reader what they
are. For tensors there is no such class, because each backend has its own: what layersight asks
of one is :class:`Tensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeAlias

import keras

# The positional arguments of a call; tensors may stand at any depth inside them.
Arguments: TypeAlias = tuple[object, ...]

Settings: TypeAlias = dict[str, object]  # the named arguments of a call, likewise

# Tensors in nested lists, tuples and dictionaries, as ``keras.tree`` walks them.
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

# A computation on tensors whose further arguments differ from one to the next.
Function: TypeAlias = Callable[..., Tensor]


class NodeArguments(Protocol):
    """The arguments of one call in a graph of Keras."""

    kwargs: Settings

    def fill_in(self, tensor_dict: Mapping[int, object]) -> tuple[Arguments, Settings]:
        """The arguments with other tensors, which are found by the identity of the symbols."""


class Node(Protocol):
    """One call of an operation in a graph of Keras."""

    operation: keras.Operation
    arguments: NodeArguments
    input_tensors: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    is_input: bool
