"""A model and its images: what the network makes of them, kept within bounds.

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
from layersight.web.wording import Origin
from layersight.web.work import Lane, check

VALUES = 384 << 20
"""Bytes of activations that are kept."""
ANSWERS = 128 << 20
"""Bytes of answers that are kept."""
SEEN = 64 << 20
"""Bytes of images that are kept as they were loaded."""
MOST_WAITING = 256
"""Requests that wait for a pass, or for a picture."""
MOST_JOBS = 16
"""Requests that wait for what takes long."""
PASS = 0.5
"""Seconds that a pass of a heatmap may take, so that it can be ended soon."""


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """What a request is answered with.

    Attributes:
        json: JSON-ready data.
        buffers: Bytes and arrays beside.
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
class Seen:
    """What a network made of an image, without the values of its layers.

    Attributes:
        info: The model with the shapes that its layers have for the image.
        numbers: The statistics of each layer, and the predictions.
        image: The image as the network saw it.
        words: For each output what it says.
        notes: What a reader should know beside.
    """

    info: ModelInfo
    numbers: Json
    image: InputImage
    words: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Settings:
    """How an explorer was asked for.

    Attributes:
        read_only: Whether nothing may be sent to it.
        survey: What its channels do over a data set, if that is known.
        origin: What it was opened with.
    """

    read_only: bool = False
    survey: Survey | None = None
    origin: Origin = field(default_factory=lambda: Origin("model", {}, {}))


class Explorer:
    """A model and its images.

    Args:
        model: From :func:`layersight.load_model`.
        given: Images: files, arrays or Pillow images.
        settings: How it was asked for.

    Raises:
        UsageError: The survey is of another model.
    """

    def __init__(
        self, model: Forward, given: Sequence[Any] = (), settings: Settings | None = None
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
        self.takes_pictures = model.info.image_input is not None
        self.interruptible = interruptible(model)
        self._pace: float | None = None
        self.photos = Photos(list(given) or ([] if self.takes_pictures else [None]))
        self.kept: ByteCache[LayerActivation] = ByteCache(VALUES)
        self.answers: ByteCache[Answer] = ByteCache(ANSWERS)
        self._seen: ByteCache[Seen] = ByteCache(SEEN)
        self._shown: ByteCache[tuple[InputImage, Photograph]] = ByteCache(SEEN)
        self.passes = Lane("layersight passes", MOST_WAITING)
        self.jobs = Lane("layersight jobs", MOST_JOBS, self.passes)
        self.pictures = Lane("layersight pictures", MOST_WAITING)

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
        """Begins with the first image, which is what a page asks for first."""
        if self.photos.given:
            first = self.photos.given[0]
            self.passes.join("first", lambda _: self.seen(first))

    # What the network says

    def seen(self, photo: Photo) -> Seen:
        """What the network makes of an image: all layers in one pass, unless it is known."""
        found = self._seen.get(photo.id)
        if found is None:
            result = activations(self.model, photo.source, predictions=True, **self.options)
            for entry in result.layers:
                self.kept.put((photo.id, entry.name), entry, entry.values.nbytes)
            found = _seen(result)
            size = found.image.values.nbytes + found.image.pixels.nbytes + 4096 * len(result.layers)
            self._seen.put(photo.id, found, size)
        return found

    def values(self, photo: Photo, name: str) -> LayerActivation:
        """What a layer makes of an image."""
        found = self.kept.get((photo.id, name))
        if found is None and self._seen.get(photo.id) is None:
            # Another layer may have nothing to show for so small an image.
            with contextlib.suppress(LayersightError):
                self.seen(photo)
            found = self.kept.get((photo.id, name))
        if found is None:
            self.check_layer(name)
            result = activations(self.model, photo.source, layers=[name], **self.options)
            found = result.layer(name)
            self.kept.put((photo.id, name), found, found.values.nbytes)
        return found

    def batch_size(self, photo: Photo) -> int:
        """How many images go through the network in about :data:`PASS` seconds, from 1 to 16."""
        if self._pace is None:
            try:
                layers = [self.seen(photo).numbers["layers"][-1]["name"]]
            except LayersightError:
                return 1  # a layer has nothing to show for it
            activations(self.model, photo.source, layers=layers, **self.options)  # may compile
            begun = time.perf_counter()
            activations(self.model, photo.source, layers=layers, **self.options)
            self._pace = time.perf_counter() - begun
        return max(1, min(16, int(PASS / self._pace)))

    def check_layer(self, name: str) -> None:
        """Refuses what is no layer's whole name, so that no pattern of names is one.

        Raises:
            SelectionError: There is no such layer.
        """
        known = [entry.name for entry in self.model.info.layers]
        if known and name not in known:
            raise SelectionError(f"there is no layer '{name:.200}'.{near(name[:200], known)}")

    def loaded(self, photo: Photo) -> tuple[InputImage, Photograph]:
        """An image as the network sees it, and as a page shows it."""
        found = self._shown.get(photo.id)
        if found is None:
            if photo.source is None:
                image = self.seen(photo).image
            else:
                image = load_image(photo.source, self.model, **self.options)
            found = image, photos.shown(photo, image)
            size = image.values.nbytes + image.pixels.nbytes + found[1].pixels.nbytes
            self._shown.put(photo.id, found, size)
        return found


def interruptible(model: Forward) -> Forward:
    """The same model; in the thread of a lane a pass begins only if somebody still waits for it."""
    made = copy.copy(model)
    for name in ("forward", "read", "differentiate", "ablate"):
        method = getattr(model, name, None)
        if method is not None:
            setattr(made, name, _interruptible(method))
    return made


def _interruptible(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(*args: Any, **known: Any) -> Any:
        check()
        return method(*args, **known)

    return run


def _seen(result: Activations) -> Seen:
    numbers = NOUN.numbers(result, PictureOptions())
    for layer in numbers["layers"]:
        layer["channels"] = len(layer["channels"])
    predictions = result.predictions[0] if result.predictions else ()
    return Seen(
        result.model,
        numbers,
        result.images[0],
        tuple(prediction.describe() for prediction in predictions),
        result.notes,
    )
