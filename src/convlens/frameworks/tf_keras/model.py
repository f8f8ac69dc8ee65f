"""The contract of :class:`convlens.model.Model`, kept by layers of tf_keras."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from convlens.ascent import Ascent, Climb
from convlens.errors import ConvlensError, ModelFileError, ModelInputError, SelectionError, near
from convlens.frameworks.keras.explaining import reason_of
from convlens.frameworks.keras.geometry import follow_fields, spatial
from convlens.frameworks.keras.program import Step, names_of
from convlens.frameworks.keras.stem import Engine, read_program
from convlens.frameworks.keras.view import Sight, View, check_pass
from convlens.frameworks.tf_keras.build import Built, build, follow_shapes, run
from convlens.limits import Limits
from convlens.model import ForwardPass, MovingStatistics
from convlens.readout import Goal, Gradients
from convlens.results import FloatArray, LayerInfo, ModelInfo, Shape
from convlens.saved import SavedNetwork
from convlens.stem import Reading

ENGINE = "engine: Keras 3 cannot build this network; the Keras 2 of the package tf_keras did"


def from_saved(
    network: SavedNetwork,
    digest: Callable[[], str],
    limits: Limits,
    *,
    labels: tuple[str, ...] | None = None,
) -> TfKerasModel:
    """Builds a saved network and gives it its weights.

    Args:
        network: The network as data, from a legacy HDF5 file of Keras 2.
        digest: Gives the digest of the file, once it is needed.
        limits: How much memory it may ask for.
        labels: The names of the classes.

    Raises:
        ConvlensError: It cannot be built; the message says why in a part of a sentence.
    """
    try:
        built = build(network, limits)
    except ConvlensError:
        raise
    except Exception as error:
        raise ModelFileError(reason_of(error)) from error
    rewrites = (*network.rewrites, ENGINE)
    known = dataclasses.replace(network, digest=digest(), rewrites=rewrites)
    return TfKerasModel(built, known, limits, labels)


class TfKerasModel:
    """A network of tf_keras layers that can be looked into.

    Args:
        built: The network.
        network: What was read of its file.
        limits: How much memory a pass may take.
        labels: The names of its classes, if known.
    """

    def __init__(
        self,
        built: Built,
        network: SavedNetwork,
        limits: Limits,
        labels: tuple[str, ...] | None = None,
    ) -> None:
        self._built = built
        self._network = network
        self._limits = limits
        self._labels = labels
        self._wanted: tuple[Reading, ...] | None = None
        self._lock = threading.Lock()
        self._shapes: list[Shape] = [entry.shape for entry in built.inputs]

    @property
    def info(self) -> ModelInfo:
        """What is known of the model before it has seen an image."""
        with self._lock:
            return self._info(self._view([entry.shape for entry in self._built.inputs]))

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        """What is known of the model once the shapes of its inputs are given."""
        with self._lock:
            return self._info(self._view(self._order_shapes(shapes)))

    def forward(
        self,
        inputs: Mapping[str, FloatArray],
        layers: Sequence[str],
        *,
        outputs: bool = False,
    ) -> ForwardPass:
        """Runs the model as far as the deepest layer asked for, and no further."""
        shapes = self._order_shapes({name: array.shape for name, array in inputs.items()})
        with self._lock:
            view = self._view(shapes)
        for name in layers:
            if name not in view.sights:
                raise SelectionError(f"no layer '{name}'.{near(name, view.sights)}")
        check_pass(view, layers, self._limits)
        program = view.program
        producers = program.producers()
        places = {view.sights[name].place for name in layers}
        if outputs:
            places |= {producers[value] for value in program.outputs}
        tensors = {
            number: tf.convert_to_tensor(np.asarray(inputs[entry.name]), entry.dtype)
            for number, entry in zip(program.inputs, self._built.inputs, strict=True)
        }
        for place in sorted(program.needed(places)):
            step = program.steps[place]
            try:
                run(step, tensors)
            except Exception as error:
                raise ModelInputError(
                    f"layer '{step.key[-1][0]}' of {self._network.path} cannot be run on this "
                    f"input: {reason_of(error)}"
                ) from error
        given = {
            name: tensors[program.steps[sight.place].outputs[sight.output]]
            for name, sight in view.sights.items()
            if name in layers
        }
        ends = zip(program.output_names, program.outputs, strict=True) if outputs else ()
        return ForwardPass(
            {name: _as_float32(given[name]) for name in layers},
            {name: _as_float32(tensors[value]) for name, value in ends},
        )

    def held(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        """Raises: see :meth:`ascend`."""
        raise self._no_way_up()

    def ascend(self, ascent: Ascent) -> Climb:
        """Raises: gradients are taken by Keras 3 alone."""
        raise self._no_way_up()

    def read(self, inputs: Mapping[str, FloatArray], goal: Goal) -> FloatArray:
        """Raises: see :meth:`ascend`."""
        raise self._no_way_up()

    def differentiate(
        self,
        inputs: Mapping[str, FloatArray],
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        """Raises: see :meth:`ascend`."""
        raise self._no_way_up()

    def ablate(
        self, inputs: Mapping[str, FloatArray], goal: Goal, layer: str, factors: FloatArray
    ) -> FloatArray:
        """Raises: see :meth:`ascend`."""
        raise self._no_way_up()

    def redrawn(self, layers: Sequence[str], seed: int) -> AbstractContextManager[None]:
        """Raises: see :meth:`ascend`."""
        raise self._no_way_up()

    def kernel(self, layer: str) -> FloatArray | None:
        """Raises: weights are read by Keras 3 alone."""
        raise self._no_way_up()

    def _no_way_up(self) -> ModelInputError:
        return ModelInputError(
            f"{self._network.path} was opened by Keras 2 (tf_keras) because Keras 3 cannot build "
            "it: its activations can be shown, its patterns, kernels and heatmaps"
            " cannot"
        )

    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        """What the batch normalisation layers keep, from the input on."""
        with self._lock:
            view = self._view(self._shapes)
        found = []
        origins = view.program.origins()
        for name, sight in view.sights.items():
            step = view.program.steps[sight.place]
            layer = step.operation
            if isinstance(layer, tf_keras.layers.BatchNormalization):
                held = (layer.moving_mean, layer.moving_variance)
                mean, variance = (_as_float32(array).reshape(-1) for array in held)
                places = sorted(origins[step.outputs[0]])
                inputs = tuple(self._built.inputs[place].name for place in places)
                giver = sight.info.inputs[0] if sight.info.inputs[0] != "input" else None
                found.append(MovingStatistics(name, mean, variance, inputs, giver))
        return tuple(found)

    def save(self, path: Path) -> tuple[str, ...]:
        """Raises: Keras 3 could not build it, so no file of Keras 3 can hold it."""
        raise ModelFileError(
            f"{self._network.path} was opened by Keras 2 (tf_keras) because Keras 3 cannot build "
            "it: it cannot be converted to a file of Keras 3"
        )

    def _order_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> list[Shape]:
        ordered: list[Shape] = []
        for entry in self._built.inputs:
            if entry.name not in shapes:
                raise ModelInputError(
                    f"input '{entry.name}' of shape {entry.shape} was given nothing; "
                    f"found values for {', '.join(shapes) or 'no input'}"
                )
            shape: Shape = (None, *shapes[entry.name][1:])
            if len(shape) != len(entry.shape) or any(
                wanted is not None and wanted != size
                for wanted, size in zip(entry.shape[1:], shape[1:], strict=False)
            ):
                raise ModelInputError(f"input '{entry.name}' expects {entry.shape}, found {shape}")
            ordered.append(shape)
        return ordered

    def _view(self, shapes: list[Shape]) -> View:
        """The layers by name, with shapes for the inputs given."""
        if shapes != self._shapes:
            try:
                follow_shapes(self._built, shapes)
            except ConvlensError:
                raise
            except Exception as error:
                raise ModelInputError(
                    f"{self._network.path} does not take inputs of shape {shapes}: "
                    f"{reason_of(error)}"
                ) from error
            self._shapes = shapes
        return View(self._built.program, _sights(self._built), {}, {})

    def _info(self, view: View) -> ModelInfo:
        variables = {
            id(variable): variable
            for step in view.program.steps
            for variable in step.operation.weights
        }
        if self._wanted is None:
            self._wanted = read_program(view.program, self._built.name, self._built.inputs, _ENGINE)
        inputs = tuple(
            dataclasses.replace(entry, preprocessing=wanted.preprocessing, swapped=wanted.swapped)
            for entry, wanted in zip(self._built.inputs, self._wanted, strict=True)
        )
        return ModelInfo(
            name=self._built.name,
            framework=f"tf_keras {tf_keras.__version__} on tensorflow {tf.__version__}",
            inputs=inputs,
            outputs=view.program.output_names,
            layers=tuple(sight.info for sight in view.sights.values()),
            parameters=sum(int(np.prod(v.shape)) for v in variables.values()),
            labels=self._labels,
            output_layers=_ends(view),
            **self._network.facts,
        )


def _ends(view: View) -> tuple[str | None, ...]:
    """The name of the layer that gives each output."""
    steps = view.program.steps
    given = {steps[sight.place].outputs[sight.output]: name for name, sight in view.sights.items()}
    return tuple(given.get(value) for value in view.program.outputs)


def _sights(built: Built) -> dict[str, Sight]:
    program = built.program
    names = names_of([step.key for step in program.steps])
    fields = follow_fields(program)
    givers = dict.fromkeys(program.inputs, "input")
    sights: dict[str, Sight] = {}
    for place, step in enumerate(program.steps):
        for output, value in enumerate(step.outputs):
            suffix = f"[{output}]" if len(step.outputs) > 1 else ""
            name = givers[value] = names[step.key] + suffix
            shape, reach = step.shapes[output], fields.get(value)
            activation = getattr(step.operation, "activation", None)
            info = LayerInfo(
                name=name,
                type=type(step.operation).__name__,
                output_shape=(None, *shape[1:]),
                parameters=int(step.operation.count_params()),
                kernel=spatial(step.operation, "kernel"),
                strides=spatial(step.operation, "strides"),
                dilation=spatial(step.operation, "dilation"),
                receptive_field=(
                    tuple(round(size) for size in reach.size) or (1,) * (len(shape) - 2)
                    if reach is not None and len(shape) >= 3
                    else None
                ),
                inputs=tuple(givers[taken] for _, taken in step.inputs),
                activation=getattr(activation, "__name__", None),
            )
            sights[name] = Sight(info, place, step.key, False, output, step.operation)
    return sights


def _as_float32(tensor: Any) -> FloatArray:
    return np.asarray(tf.cast(tensor, "float32"))


def _call(step: Step, values: Mapping[int, Any]) -> list[Any]:
    return run(step, dict(values))


_ENGINE = Engine(call=_call, to_tensor=tf.cast, to_array=_as_float32)
