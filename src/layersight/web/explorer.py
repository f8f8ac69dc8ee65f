"""A model and its images, with the results of the network within bounds of memory.

The rule of this module: every number comes from a verb; a network is run by one thread at a time,
and what waits for it is bounded.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from layersight.data.image import InputImage, Photograph
from layersight.data.model import ModelInfo
from layersight.errors import LayersightError, SelectionError, UsageError, near
from layersight.model import Forward
from layersight.nouns.activations.compute import activations, load_image
from layersight.nouns.activations.noun import NOUN
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, LayerActivation
from layersight.nouns.survey.result import Survey
from layersight.web import photos
from layersight.web.cache import ByteCache
from layersight.web.frames import Buffer, Json
from layersight.web.photos import Photo, Photos
from layersight.web.snippets import Origin
from layersight.web.work import Lane, check

LAYER_CACHE_BYTES = 384 << 20
ANSWER_CACHE_BYTES = 128 << 20
IMAGE_CACHE_BYTES = 64 << 20
"""Of the images as they were loaded, and as much for the result of the network for each."""
MAX_WAITING = 256
"""Requests that wait for a pass, or for a picture."""
MAX_JOBS = 16
"""Requests that wait for what takes long."""
PASS_SECONDS = 0.5
"""How long a pass of a heatmap may take, so that it can be ended soon."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        json: JSON-ready data.
        buffers: Bytes and arrays beside it.
    """

    json: Any
    buffers: tuple[Buffer, ...] = ()

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return 2048 + sum(
            len(part) if isinstance(part, bytes) else part.nbytes for part in self.buffers
        )


@dataclass(frozen=True, eq=False, slots=True)
class ImageResult:
    """The result of a network for an image, without the values of its layers.

    Attributes:
        info: The model with the shapes that its layers have for the image.
        numbers: The statistics of each layer, and the predictions.
        image: The image as the network saw it.
        words: The prediction of each output in words.
        notes: What a reader should know besides.
    """

    info: ModelInfo
    numbers: Json
    image: InputImage
    words: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Settings:
    """The settings of an explorer.

    Attributes:
        read_only: Whether it takes no images from a page.
        survey: The statistics of its channels over a data set, if there are any.
        origin: What it was opened with.
    """

    read_only: bool = False
    survey: Survey | None = None
    origin: Origin = field(default_factory=lambda: Origin("model", {}, {}))


class Explorer:
    """A model and its images.

    Args:
        model: From :func:`layersight.load_model`.
        images: Files, arrays or Pillow images.
        settings: How it behaves.

    Raises:
        UsageError: The survey is of another model.
    """

    def __init__(
        self, model: Forward, images: Sequence[Any] = (), settings: Settings | None = None
    ) -> None:
        self.model = model
        self.settings = settings or Settings()
        survey = self.settings.survey
        if survey is not None and survey.model.digest != model.info.digest:
            raise UsageError(
                f"the survey is of another model: expected one of '{model.info.name}', found one "
                f"of '{survey.model.name}'"
            )
        self.options = dict(self.settings.origin.image)
        self.takes_images = model.info.image_input is not None
        self.interruptible = interruptible(model)
        self._pass_seconds: float | None = None
        self.photos = Photos(list(images) or ([] if self.takes_images else [None]))
        self.layers: ByteCache[LayerActivation] = ByteCache(LAYER_CACHE_BYTES)
        self.answers: ByteCache[Answer] = ByteCache(ANSWER_CACHE_BYTES)
        self._results: ByteCache[ImageResult] = ByteCache(IMAGE_CACHE_BYTES)
        self._loaded: ByteCache[tuple[InputImage, Photograph]] = ByteCache(IMAGE_CACHE_BYTES)
        self.passes = Lane("layersight passes", MAX_WAITING)
        self.jobs = Lane("layersight jobs", MAX_JOBS, self.passes)
        self.pictures = Lane("layersight pictures", MAX_WAITING)

    def close(self, patience: float = 0.0) -> bool:
        """Ends its threads.

        Args:
            patience: Seconds to wait for each.

        Returns:
            Whether all have ended.
        """
        lanes = (self.passes, self.jobs, self.pictures)
        ended = [lane.close() for lane in lanes]
        return all(ended) or all(lane.close(patience) for lane in lanes)

    def begin(self) -> None:
        """Runs the first image, which a page asks for first."""
        if self.photos.opened:
            first = self.photos.opened[0]
            self.passes.join("first", lambda _: self.result(first))

    def result(self, photo: Photo) -> ImageResult:
        """The result of the network for an image: all layers in one pass, unless it is cached."""
        result = self._results.get(photo.id)
        if result is None:
            computed = activations(self.model, photo.source, predictions=True, **self.options)
            for entry in computed.layers:
                self.layers.put((photo.id, entry.name), entry, entry.values.nbytes)
            result = _summarise(computed)
            image = result.image
            size = image.values.nbytes + image.pixels.nbytes + 4096 * len(computed.layers)
            self._results.put(photo.id, result, size)
        return result

    def layer(self, photo: Photo, name: str) -> LayerActivation:
        """The activation of a layer for an image."""
        entry = self.layers.get((photo.id, name))
        if entry is None and self._results.get(photo.id) is None:
            # Another layer may have nothing to show for so small an image.
            with contextlib.suppress(LayersightError):
                self.result(photo)
            entry = self.layers.get((photo.id, name))
        if entry is None:
            self.check_layer(name)
            result = activations(self.model, photo.source, layers=[name], **self.options)
            entry = result.layer(name)
            self.layers.put((photo.id, name), entry, entry.values.nbytes)
        return entry

    def batch_size(self, photo: Photo) -> int:
        """How many images pass the network in about :data:`PASS_SECONDS`, from 1 to 16."""
        if self._pass_seconds is None:
            try:
                layers = [self.result(photo).numbers["layers"][-1]["name"]]
            except LayersightError:
                return 1  # a layer has nothing to show for it
            activations(self.model, photo.source, layers=layers, **self.options)  # may compile
            begun = time.perf_counter()
            activations(self.model, photo.source, layers=layers, **self.options)
            self._pass_seconds = time.perf_counter() - begun
        return max(1, min(16, int(PASS_SECONDS / self._pass_seconds)))

    def check_layer(self, name: str) -> None:
        """Refuses what is not the full name of a layer, such as a glob.

        Raises:
            SelectionError: There is no such layer.
        """
        names = [entry.name for entry in self.model.info.layers]
        if names and name not in names:
            raise SelectionError(f"there is no layer '{name:.200}'.{near(name[:200], names)}")

    def load(self, photo: Photo) -> tuple[InputImage, Photograph]:
        """An image as the network sees it, and as a page shows it."""
        loaded = self._loaded.get(photo.id)
        if loaded is None:
            if photo.source is None:
                image = self.result(photo).image
            else:
                image = load_image(photo.source, self.model, **self.options)
            loaded = image, photos.photograph_of(photo, image)
            size = image.values.nbytes + image.pixels.nbytes + loaded[1].pixels.nbytes
            self._loaded.put(photo.id, loaded, size)
        return loaded


def interruptible(model: Forward) -> Forward:
    """The same model, whose passes begin in the thread of a lane only while somebody waits."""
    wrapped = copy.copy(model)
    for name in ("forward", "read", "differentiate", "ablate"):
        method = getattr(model, name, None)
        if method is not None:
            setattr(wrapped, name, _interruptible(method))
    return wrapped


def _interruptible(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        check()
        return method(*args, **kwargs)

    return run


def _summarise(result: Activations) -> ImageResult:
    numbers = NOUN.numbers(result, PictureOptions())
    for layer in numbers["layers"]:
        layer["channels"] = len(layer["channels"])
    predictions = result.predictions[0] if result.predictions else ()
    return ImageResult(
        result.model,
        numbers,
        result.images[0],
        tuple(prediction.describe() for prediction in predictions),
        result.notes,
    )
