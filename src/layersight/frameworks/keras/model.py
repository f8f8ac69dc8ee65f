"""A Keras model with every capability of :mod:`layersight.model`."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from layersight.data import stem
from layersight.data.arrays import FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.data.model import InputInfo, ModelInfo, Shape
from layersight.data.readout import Goal, Gradients
from layersight.errors import LayersightError, ModelFileError, ModelInputError, SelectionError, near
from layersight.frameworks.graph.cache import Cache
from layersight.frameworks.graph.geometry import FIRST
from layersight.frameworks.graph.inputs import as_fed, fed_shape, to_model_axes
from layersight.frameworks.graph.patches import locked
from layersight.frameworks.graph.view import LayerHandle, View, check_room
from layersight.frameworks.keras.ascent.session import begin_ascent
from layersight.frameworks.keras.attribution.reading import PROGRAMS, Reading
from layersight.frameworks.keras.attribution.redrawing import randomised
from layersight.frameworks.keras.backends import as_float32, make_runner, small_passes, to_numpy
from layersight.frameworks.keras.checking import (
    check_pass,
    check_steps,
    count_activations,
    stop_note,
)
from layersight.frameworks.keras.explaining import own_error, reason_of
from layersight.frameworks.keras.geometry import channels_last
from layersight.frameworks.keras.inputs import build_shapes, inputs_of
from layersight.frameworks.keras.kernels import kernel_of
from layersight.frameworks.keras.passing import Passing
from layersight.frameworks.keras.program import graph_of
from layersight.frameworks.keras.saving import save
from layersight.frameworks.keras.scales import wanted_pixels
from layersight.frameworks.keras.sizes import at_most
from layersight.frameworks.keras.training import BatchStatistics, listed
from layersight.frameworks.keras.types import Runner, Structure
from layersight.frameworks.keras.view import trace_model
from layersight.limits import Limits
from layersight.model import ForwardPass, Model, MovingStatistics

VIEWS = 16  # for how many shapes of the inputs the layout of a model is cached

# The batch size from which a pass is compiled where the backend has the choice: such a batch is
# part of a data set, of which more will follow.
TRACED = 8

# What is wrong with the file of a model that was never called.
NO_WEIGHTS = "holds no weights, as the model was saved before it was ever built"


class KerasModel(Model):
    """A Keras model with all capabilities.

    Args:
        model: A ``keras.Model``: sequential, functional, nested, subclassed.
        source: The file or other source.
        digest: The digest of the file; by default computed from configuration and weights.
        rewrites: What was changed in its configuration to open it.
        labels: The names of its classes, if known.
        limits: For a model from a file: how much memory a pass may take. Any error in a layer is
            then raised as one of layersight; a live model keeps its own errors.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        source: str = "a live model",
        digest: str | None = None,
        rewrites: tuple[str, ...] = (),
        labels: tuple[str, ...] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.model = model
        self.limits = limits
        self._source = source
        self._scales: tuple[stem.Reading, ...] | None = None
        self._rewrites = rewrites
        self._labels = labels
        self._digest = digest
        self._is_live = digest is None
        self._not_finite: list[str] | None = None  # paths of weights
        self._lacks_weights = False
        self._names: tuple[str, ...] | None = None
        self._cached_inputs: tuple[keras.Model | None, tuple[InputInfo, ...]] | None = None
        self._views: Cache[tuple[Shape, ...] | None, View] = Cache(VIEWS)
        self._runners: Cache[Hashable, Runner] = Cache(PROGRAMS)
        self._reading = Reading(self)

    @property
    def small_passes(self) -> bool:
        return small_passes()

    def refresh(self) -> None:
        if self._is_live:
            with self._locked():
                self._digest = self._not_finite = self._scales = None

    @property
    def info(self) -> ModelInfo:
        shapes = None
        if graph_of(self.model) is None:
            shapes = [entry.shape for entry in self._inputs()]
            if not self.model.built or any(None in shape[1:] for shape in shapes):
                return self._info(None)
        return self._info(self._view(shapes))

    def describe(self, shapes: Mapping[str, tuple[int, ...]]) -> ModelInfo:
        info = self._info(self._view(self._order_shapes(shapes)))
        inputs = tuple(as_fed(entry, tuple(shapes[entry.name])) for entry in info.inputs)
        return replace(info, inputs=inputs)

    def forward(
        self, inputs: Mapping[str, FloatArray], layers: Sequence[str], *, outputs: bool = False
    ) -> ForwardPass:
        view, arrays, shapes = self.prepare(inputs)
        indices = {self.handle(view, name).index for name in layers}
        missing = check_steps(view, indices, outputs=outputs)
        outputs = outputs and missing is None
        producers = view.program.producers()
        ends = [producers[value] for value in view.program.outputs if value in producers]
        count = max((len(array) for array in arrays), default=1)
        self.check_memory(view, layers, images=count, more=ends if outputs else ())
        key = (tuple(layers), outputs, shapes, tuple(len(array) for array in arrays))

        def make() -> Runner:
            wanted = tuple(view.handles[name] for name in layers)
            compute = self.passing(view, wanted, outputs=outputs)
            return make_runner(compute, self.variables, often=count >= TRACED)

        with self._explained("the model"):
            # Once it has started it depends on nothing that other threads may change.
            with self._locked():
                wait = self._runners.get(key, make)(arrays)
            results = wait()
        return ForwardPass(
            {
                name: channels_last(results[f"layer:{name}"], view.handles[name].info.data_format)
                for name in layers
            },
            {
                name.removeprefix("output:"): as_float32(array)
                for name, array in results.items()
                if name.startswith("output:")
            },
            missing,
        )

    def read(self, inputs: Mapping[str, FloatArray], goal: Goal) -> FloatArray:
        return self._reading.read(inputs, goal)

    def differentiate(
        self,
        inputs: Mapping[str, FloatArray],
        goal: Goal,
        *,
        layers: Sequence[str] = (),
        by: Sequence[str] = (),
        guided: bool = False,
    ) -> Gradients:
        return self._reading.differentiate(inputs, goal, layers, by, guided=guided)

    def ablate(
        self, inputs: Mapping[str, FloatArray], goal: Goal, layer: str, factors: FloatArray
    ) -> FloatArray:
        return self._reading.ablate(inputs, goal, layer, factors)

    @contextlib.contextmanager
    def randomised(self, layers: Sequence[str], seed: int) -> Iterator[None]:
        view = self._any_view()
        chosen = [self.handle(view, name).layer for name in layers]
        with self._locked(), randomised(chosen, seed):
            yield

    @property
    def variables(self) -> Sequence[keras.Variable]:
        variables: Sequence[keras.Variable] = self.model.variables
        return variables

    def prepare(
        self, inputs: Mapping[str, FloatArray]
    ) -> tuple[View, list[FloatArray], tuple[Shape, ...]]:
        """The view for some inputs, these in the model's own order and axes, and their shapes."""
        shapes = self._order_shapes({name: array.shape for name, array in inputs.items()})
        view = self._view(shapes)
        arrays = [
            self._to_model_axes(np.asarray(inputs[entry.name]), entry) for entry in self._inputs()
        ]
        return view, arrays, tuple(shapes)

    def find_input(self, name: str) -> tuple[int, InputInfo]:
        entries = self._inputs()
        index = [entry.name for entry in entries].index(name)
        return index, entries[index]

    def check_memory(
        self, view: View, layers: Sequence[str], *, images: int = 1, **more: Any
    ) -> None:
        """Refuses a pass as :func:`check_pass`, for a model from a file, and :func:`check_room`."""
        any_size = any(None in entry.shape[1:] for entry in self._inputs())
        if self.limits is not None:
            weights = int(self.model.count_params())
            check_pass(view, layers, self.limits, weights, any_size=any_size, **more)
        check_room(view, layers, images, any_size=any_size)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Locks the model's layers for this thread while it runs, and explains errors."""
        with self._locked(), self._explained("the model"):
            yield

    def _locked(self) -> AbstractContextManager[None]:
        return locked([self.model, *self.model._flatten_layers(include_self=False)])

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turns an error of a layer of a model from a file into one that names it."""
        try:
            yield
        except (LayersightError, MemoryError):
            raise
        except Exception as error:
            if self.limits is None:
                raise
            raise ModelInputError(
                f"{what} of {self._source} cannot be run on this input: {reason_of(error)}"
            ) from error

    def activation_count(self, shapes: Mapping[str, tuple[int, ...]], layers: Sequence[str]) -> int:
        view = self._view(self._order_shapes(shapes, exact=False))
        return count_activations(view, [self.handle(view, name).index for name in layers])

    def ascend(self, ascent: Ascent) -> Optimisation:
        shapes: dict[str, tuple[int, ...]] = {
            ascent.input: (1, *ascent.size, ascent.channels),
            **{name: array.shape for name, array in ascent.constants.items()},
        }
        view = self._view(self._order_shapes(shapes, exact=False))
        handles = [self.handle(view, probe.layer) for probe in ascent.probes]
        self.check_memory(view, [probe.layer for probe in ascent.probes], back=True)
        passing = functools.partial(self.passing, view)
        return begin_ascent(
            ascent, view, handles, passing, self._inputs(), self.variables, self._locked
        )

    def passing(self, view: View, wanted: tuple[LayerHandle, ...], **more: Any) -> Passing:
        return Passing(view, self.model.name, self._pack, self._explained, wanted, **more)

    def kernel(self, layer: str) -> FloatArray | None:
        handle = self.handle(self._any_view(), layer)
        with self._locked():  # another thread may have exchanged weights for a while
            return kernel_of(handle.layer)

    def _any_view(self) -> View:
        """The view for any shapes of the inputs."""
        if (latest := self._views.latest()) is not None:
            return latest
        if graph_of(self.model) is not None:
            return self._view(None)
        shapes = [entry.shape for entry in self._inputs()]
        if self.model.built or not any(None in shape[1:] for shape in shapes):
            return self._view(shapes)
        # Made-up sizes would fix the shapes of its weights for good.
        if self.limits is not None:
            raise self._without_weights()
        raise ModelFileError(
            f"model '{self.model.name}' has no input shape yet: call it on one image first"
        )

    def handle(self, view: View, name: str) -> LayerHandle:
        if name not in view.handles:
            raise SelectionError(f"no layer '{name}'.{near(name, view.handles)}")
        return view.handles[name]

    def moving_statistics(self) -> tuple[MovingStatistics, ...]:
        if graph_of(self.model) is None:
            return ()  # the order of its layers is unknown
        with self._locked():  # as in ``kernel``
            return self._moving_statistics(self._any_view())

    def _moving_statistics(self, view: View) -> tuple[MovingStatistics, ...]:
        statistics = []
        names = [entry.name for entry in self._inputs()]
        origins = view.program.origins()
        for handle in view.handles.values():
            step = view.program.steps[handle.index]
            layer = step.operation
            unused = isinstance(layer, BatchStatistics)
            if handle.inner or unused or not isinstance(layer, keras.layers.BatchNormalization):
                continue
            mean, variance = (
                np.asarray(to_numpy(variable.value), np.float32).reshape(-1)
                for variable in (layer.moving_mean, layer.moving_variance)
            )
            inputs = tuple(names[index] for index in sorted(origins[step.outputs[0]]))
            before = handle.info.inputs[0] if handle.info.inputs[0] != "input" else None
            statistics.append(MovingStatistics(handle.info.name, mean, variance, inputs, before))
        return tuple(statistics)

    def save(self, path: Path) -> tuple[str, ...]:
        with self._locked():
            return save(self.model, path)

    def _inputs(self) -> tuple[InputInfo, ...]:
        """The inputs as far as the model knows them, under names that stay the same."""
        graph = graph_of(self.model)
        cached = self._cached_inputs
        if graph is not None and cached is not None and cached[0] is graph:
            return cached[1]
        entries = inputs_of(self.model)
        if self._names is None or len(self._names) != len(entries):
            self._names = tuple(entry.name for entry in entries)
        named = tuple(
            replace(entry, name=name) for entry, name in zip(entries, self._names, strict=True)
        )
        self._cached_inputs = (graph, named)  # graphs never change; other models are built later
        return named

    def _inputs_with_scales(self, view: View) -> tuple[InputInfo, ...]:
        """The inputs with the scales that they expect, which are found once."""
        inputs = self._inputs()
        if self._scales is None:
            self._scales = wanted_pixels(self.model, view.program, inputs, self._pack)
        return tuple(
            replace(entry, preprocessing=scale.preprocessing, swapped=scale.swapped)
            for entry, scale in zip(inputs, self._scales, strict=True)
        )

    def _order_shapes(
        self, shapes: Mapping[str, tuple[int, ...]], *, exact: bool = True
    ) -> list[Shape]:
        """The shapes in the model's order of inputs and axes, with a free batch.

        With ``exact`` all sizes must be the model's own, otherwise only the channels.
        """
        ordered: list[Shape] = []
        for entry in self._inputs():
            if entry.name not in shapes:
                raise ModelInputError(
                    f"input '{entry.name}' of shape {entry.shape} was given nothing; "
                    f"found values for {', '.join(shapes) or 'no input'}"
                )
            shape: Shape = fed_shape(entry, (None, *shapes[entry.name][1:]))
            channel = 1 if entry.data_format == FIRST else len(shape) - 1
            if len(shape) != len(entry.shape) or any(
                expected is not None and expected != size
                for axis, (expected, size) in enumerate(zip(entry.shape, shape, strict=False))
                if axis and (exact or axis == channel)
            ):
                picture = f", a picture of {entry.picture}" if entry.picture else ""
                raise ModelInputError(
                    f"input '{entry.name}' expects {entry.shape}{picture}, found {shape}"
                )
            ordered.append(shape)
        return ordered

    def _to_model_axes(self, array: FloatArray, entry: InputInfo) -> FloatArray:
        """An array for an input in its own order of axes and type."""
        array = to_model_axes(array, entry, np.moveaxis, np.reshape)
        dtype = "float32" if entry.dtype in {"bfloat16", "float16", "float32"} else entry.dtype
        return np.ascontiguousarray(array.astype(dtype, copy=False))

    def _view(self, shapes: Sequence[Shape] | None) -> View:
        key = None if shapes is None else tuple(shapes)

        def make() -> View:
            self._build(shapes)
            if self._lacks_weights:
                raise self._without_weights()
            with self._explained("the model"):
                return trace_model(self.model, shapes, self._pack)

        with self._locked():
            return self._views.get(key, make)

    def _without_weights(self) -> ModelFileError:
        return ModelFileError(
            f"{self._source} {NO_WEIGHTS}: there is nothing to show. Call the model on one image, "
            "train it or load its weights, and save it again"
        )

    def _build(self, shapes: Sequence[Shape] | None) -> None:
        """Builds a model that was never called, as a call does.

        A model from a file is built from shapes alone, and what it requests is counted.
        """
        if self.model.built or shapes is None:
            return
        sizes = [(1, *(size or 1 for size in shape[1:])) for shape in shapes]
        try:
            if self.limits is None:
                self.model(self._pack([np.zeros(size, "float32") for size in sizes]))
            else:
                with at_most(None, self._source, self.limits):
                    self.model(self._pack([keras.KerasTensor(size) for size in sizes]))
        except Exception as error:
            if (ours := own_error(error)) is not None:
                raise ours from error
            if isinstance(error, MemoryError):
                raise
            raise ModelInputError(
                f"the model had never been called and does not take an input of shape "
                f"{shapes[0] if len(shapes) == 1 else list(shapes)}: {reason_of(error)}"
            ) from error
        self._lacks_weights = self.limits is not None and bool(self.model.weights)

    def _pack(self, values: Sequence[object]) -> Structure:
        """Brings inputs into the structure that a model without a graph takes."""
        structure = build_shapes(self.model)
        if isinstance(structure, dict):
            return dict(zip(structure, values, strict=True))
        return values[0] if len(values) == 1 else values

    def _info(self, view: View | None) -> ModelInfo:
        # Locked, since another thread may exchange weights for a while, or refresh the model.
        with self._locked():
            handles = () if view is None else tuple(handle.info for handle in view.handles.values())
            if self._digest is None and view is not None:
                self._digest = _digest(self.model)
            outputs: tuple[str, ...] = ()
            if view is not None:
                outputs = view.program.output_names or (self.model.name,)
            return ModelInfo(
                name=self.model.name,
                source=self._source,
                digest=self._digest or "unknown until the model is built",
                framework=_framework(),
                inputs=self._inputs() if view is None else self._inputs_with_scales(view),
                outputs=outputs,
                layers=handles,
                parameters=int(self.model.count_params()) if self.model.built else 0,
                rewrites=self._rewrites,
                labels=self._labels,
                notes=(*self._notes(view), *(() if view is None else view.notes)),
                output_layers=() if view is None else view.ends,
                # Weights that layers share count once.
                trainable=sum(math.prod(weight.shape) for weight in self.model.trainable_weights)
                if self.model.built
                else None,
            )

    def _notes(self, view: View | None) -> tuple[str, ...]:
        """Notes on where the computation stops, and on weights that are not finite."""
        stop = None if view is None else stop_note(view)
        notes = () if stop is None else (stop,)
        if self._lacks_weights or (self.limits is not None and not self.model.built):
            notes = (*notes, f"the file {NO_WEIGHTS}")
        if self._not_finite is None and self.model.built:
            self._not_finite = _weights_not_finite(self.model)
        if not self._not_finite:
            return notes
        return (*notes, f"weights that are not finite numbers: {listed(self._not_finite)}")


def _digest(model: keras.Model) -> str:
    """``sha256:`` of the names, shapes and values of all weights."""
    digest = hashlib.sha256(model.name.encode("utf-8", "surrogatepass"))
    for variable in model.weights:
        array = np.ascontiguousarray(to_numpy(variable.value))
        digest.update(f"{variable.path}{array.shape}{array.dtype}".encode("utf-8", "surrogatepass"))
        digest.update(array.tobytes())
    return f"sha256:{digest.hexdigest()}"


def _weights_not_finite(model: keras.Model) -> list[str]:
    """The paths of weights with values that are not finite.

    Their effect may be hidden: on TensorFlow a rectified NaN is 0, and its map merely dead.
    """
    paths = []
    for variable in model.weights:
        array = to_numpy(variable.value)
        if array.dtype.kind in "iub":
            continue
        with np.errstate(all="ignore"):
            # A sum is fast; only if that is not finite is each value checked.
            if not np.isfinite(np.sum(array)) and not np.isfinite(array).all():
                paths.append(str(variable.path).removeprefix(f"{model.name}/"))
    return paths


def _framework() -> str:
    backend = keras.backend.backend()
    version = importlib.import_module(backend).__version__
    return f"keras {keras.__version__} on {backend} {version}"
