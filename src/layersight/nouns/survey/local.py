"""Surveying images in this process: decoding, forward passes and counting beside each other.

The rule of this module: a bounded number of images is in memory, however many there are.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layersight import images
from layersight.batch.request import ImageOptions
from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import ImageError, ModelInputError
from layersight.images.arrays import is_token
from layersight.model import Forward
from layersight.nouns.survey.correlation import Products
from layersight.nouns.survey.dataset import Item, Reader, numbers_of
from layersight.nouns.survey.plan import Pair, Shard, Spec
from layersight.nouns.survey.rows import Rows, rows_of
from layersight.nouns.survey.shards import Result, to_bytes
from layersight.nouns.survey.tally import Tallies, Tally, merge

AHEAD = 64
"""Images that are decoded while a pass runs."""
CHUNK = 256
"""Images whose rows are kept before they are added to a tally."""
MOST_PASSES = 4
"""Passes that run or are counted at once at most; the maps of all of them are in memory."""


@dataclass(frozen=True, eq=False, slots=True)
class Loaded:
    """An image, or why there is none.

    Attributes:
        name: Its name.
        values: What each network gets; empty where it could not be read.
        content: A digest of its bytes.
        reason: Why it could not be read.
    """

    name: str
    values: tuple[FloatArray, ...]
    content: bytes
    reason: str = ""


def load(spec: Spec, reader: Reader, item: Item) -> Loaded:
    """Loads an image for every network, or says why it cannot be read."""
    try:
        if all(_is_ready(item, model) for model in spec.models):
            _, content = reader.read(item)
            return Loaded(item.name, (item.location,) * len(spec.models), content)
        loaded = [
            load_item(reader, item, model.entry, model.preprocessing, model.options)
            for model in spec.models
        ]
    except ImageError as error:
        return Loaded(item.name, (), b"", str(error))
    return Loaded(item.name, tuple(image.values for image, _ in loaded), loaded[0][1])


def _is_ready(item: Item, spec: Spec) -> bool:
    """Whether an image is an array that a network gets as it is."""
    array, entry = item.location, spec.entry
    return (
        isinstance(array, np.ndarray)
        and array.dtype == np.float32
        and array.shape == spec.shape
        and entry.picture is None
        and not is_token(entry)
    )


def load_item(
    reader: Reader, item: Item, entry: InputInfo, scale: Preprocessing, options: ImageOptions
) -> tuple[InputImage, bytes]:
    """Loads an image for an input, with a digest of its bytes.

    Raises:
        ImageError: It cannot be read.
    """
    source, content = reader.read(item)
    image, _ = images.load(
        source,
        entry,
        preprocessing=scale,
        fit=options.fit,
        interpolation=options.interpolation,
        size=options.size,
        frame=options.frame,
        name=item.name,
    )
    return image, content


def run_shards(
    model: Forward,
    spec: Spec,
    shards: Sequence[Shard],
    classes: Sequence[str],
    *,
    store: Callable[[Shard, bytes], None],
    threads: int,
    strict: bool,
    on_progress: Callable[[int], None] = lambda count: None,
    other: Forward | None = None,
) -> None:
    """Surveys shards.

    Images are decoded ahead, and several threads each run a pass and count its maps, so that all
    cores are busy; the order in which passes end changes no number.

    Args:
        model: The network.
        spec: What is done to the images.
        shards: The images.
        classes: The names of all classes.
        store: Called with each shard and the bytes of its result, one at a time, from a thread.
        threads: How many threads decode. As many run passes, or one more where passes are large;
            at least 2, at most :data:`MOST_PASSES`.
        strict: Whether an image that cannot be read ends the survey.
        on_progress: Called with the number of images after each pass.
        other: The other model, where ``spec`` has one.

    Raises:
        ImageError: An image cannot be read, and that is to end the survey.
        ModelInputError: A layer gives nothing for each image.
    """
    networks = (model,) if other is None else (model, other)
    counters = (_Counter(spec, shard, classes) for shard in shards)
    steps = (
        (counter, start)
        for counter in counters
        for start in range(0, len(counter.shard.items), spec.images)
    )
    groups = (
        shard.items[start : start + spec.images]
        for shard in shards
        for start in range(0, len(shard.items), spec.images)
    )
    passes = threads if model.small_passes else threads + 1  # one more small one gains little
    passes = max(2, min(passes, MOST_PASSES))
    memory: SimpleQueue[list[FloatArray]] = SimpleQueue()
    for _ in range(passes):
        memory.put([_empty_batch(each) for each in spec.models])
    storing = Lock()

    def run(counter: _Counter, start: int, loaded: Sequence[Loaded]) -> int:
        batches = memory.get()
        try:
            is_last = counter.run_pass(networks, loaded, start, batches)
        finally:
            memory.put(batches)
        if is_last:
            content = to_bytes(counter.result(), counter.shard.key)
            with storing:
                store(counter.shard, content)
        return len(loaded)

    load_one = functools.partial(load, spec, Reader())
    running: deque[Future[int]] = deque()
    with ThreadPoolExecutor(threads) as decoders, ThreadPoolExecutor(passes) as runners:
        try:
            ahead = _load_ahead(decoders, load_one, groups)
            for (counter, start), loaded in zip(steps, ahead, strict=True):
                if strict:
                    _refuse_unreadable(loaded)
                running.append(runners.submit(run, counter, start, loaded))
                if len(running) > passes:
                    on_progress(running.popleft().result())
            while running:
                on_progress(running.popleft().result())
        finally:
            for pool in (decoders, runners):
                pool.shutdown(wait=False, cancel_futures=True)


def _load_ahead(
    pool: ThreadPoolExecutor,
    load_one: Callable[[Item], Loaded],
    groups: Iterable[Sequence[Item]],
) -> Iterator[list[Loaded]]:
    """Groups of images, a few of them loaded before they are needed."""
    waiting: deque[list[Future[Loaded]]] = deque()
    for group in groups:
        waiting.append([pool.submit(load_one, item) for item in group])
        if (len(waiting) - 1) * len(group) >= AHEAD:
            yield [future.result() for future in waiting.popleft()]
    while waiting:
        yield [future.result() for future in waiting.popleft()]


def _refuse_unreadable(loaded: Sequence[Loaded]) -> None:
    bad = next((one for one in loaded if not one.values), None)
    if bad is not None:
        raise ImageError(f"{bad.reason} Leave --strict out to go on without it")


def _empty_batch(spec: Spec) -> FloatArray:
    return np.empty((spec.images, *spec.shape), np.float32)


def _run_pass(
    model: Forward,
    loaded: Sequence[Loaded],
    spec: Spec,
    index: int,
    batches: Sequence[FloatArray],
) -> Mapping[str, FloatArray]:
    """What the layers of a model give for a full pass, filled up with zeros.

    Args:
        model: The network.
        loaded: The images.
        spec: What the model does to them.
        index: Of the model, where there are two.
        batches: Memory for the images, for each model.
    """
    if not any(one.values for one in loaded):
        return {}
    batch = batches[index]
    batch[len(loaded) :] = 0
    for row, one in enumerate(loaded):
        values = one.values[index] if one.values else 0
        if isinstance(values, np.ndarray) and values.shape != spec.shape:
            raise ModelInputError(
                f"expected every image to give an array of {spec.shape}, found "
                f"{values.shape} for '{one.name}': give one size with --size"
            )
        batch[row] = values
    maps = model.forward(spec.inputs(batch), spec.layers).layers
    for name, array in maps.items():
        check_axes(name, array, spec.images)
    return maps


def check_axes(name: str, array: FloatArray, count: int) -> None:
    """Refuses a layer that gives nothing for each image.

    Raises:
        ModelInputError: It does not.
    """
    if array.ndim < 2 or len(array) != count or not array.size:
        raise ModelInputError(
            f"layer '{name}' gives nothing for each image: for {count} images its output has the "
            f"shape {array.shape}. Choose other layers with --layers"
        )


class _Pass(NamedTuple):
    """What was counted in one pass, and the numbers of its images in the shard."""

    rows: dict[str, Rows]
    other_means: dict[str, NDArray[np.float64]]
    images: NDArray[np.int64]


class _Counter:
    """Counts what the layers give for the images of a shard, pass by pass, in any thread."""

    def __init__(self, spec: Spec, shard: Shard, classes: Sequence[str]) -> None:
        self.shard = shard
        self._spec = spec
        self._classes = numbers_of([item.label for item in shard.items], classes)
        self._lock = Lock()
        self._missing = math.ceil(len(shard.items) / spec.images)
        self._waiting: list[_Pass] = []
        self._axes: dict[str, tuple[int, ...]] = {}
        self._tallies: Tallies = {}
        self._pairs: dict[Pair, Products] = {}
        self._unreadable: list[tuple[str, str]] = []
        self._content = 0

    def run_pass(
        self,
        networks: Sequence[Forward],
        loaded: Sequence[Loaded],
        start: int,
        batches: Sequence[FloatArray],
    ) -> bool:
        """Runs a pass of each network and counts its maps; whether it is the last of the shard."""
        readable = np.array([i for i, one in enumerate(loaded) if one.values], np.int64)
        other_means = {}
        for index in range(1, len(networks)):
            maps = _run_pass(networks[index], loaded, self._spec.models[index], index, batches)
            rows = _rows_of_maps(maps, readable)
            other_means = {name: each.mean for name, each in rows.items()}
        maps = _run_pass(networks[0], loaded, self._spec, 0, batches)
        rows = _rows_of_maps(maps, readable)
        axes = {name: array.shape[1:-1] for name, array in maps.items()}
        del maps
        chunk: list[_Pass] = []
        with self._lock:
            self._note(loaded)
            if len(readable):
                self._axes = axes
                self._waiting.append(_Pass(rows, other_means, readable + start))
            if sum(len(one.images) for one in self._waiting) >= CHUNK:
                chunk, self._waiting = self._waiting, []
        self._add(chunk)
        with self._lock:
            self._missing -= 1
            return not self._missing

    def _note(self, loaded: Sequence[Loaded]) -> None:
        """Notes which images were read and what they hold."""
        for one in loaded:
            if not one.values:
                self._unreadable.append((one.name, one.reason))
                continue
            named = one.name.encode("utf-8", "surrogateescape") + b"\0" + one.content
            digest = hashlib.blake2b(named, digest_size=16).digest()
            self._content = (self._content + int.from_bytes(digest)) % (1 << 128)

    def _add(self, chunk: Sequence[_Pass]) -> None:
        """Adds what was counted in some passes to the tallies."""
        if not chunk:
            return
        images = np.concatenate([one.images for one in chunk])
        classes, length = self._classes[images], self._spec.length
        rows = {name: Rows.join([one.rows[name] for one in chunk]) for name in chunk[0].rows}
        tallies = {
            name: Tally.of(each, math.prod(self._axes[name]), images, classes, length)
            for name, each in rows.items()
        }
        means = (
            {name: each.mean for name, each in rows.items()},
            {
                name: np.concatenate([one.other_means[name] for one in chunk])
                for name in chunk[0].other_means
            },
        )
        whole = [
            {name: units.whole(each[name]) for name, units in model.units.items()}
            for model, each in zip(self._spec.models, means, strict=False)
        ]
        pairs = {
            (first, model, second): Products.of(whole[0][first], whole[model][second])
            for first, model, second in self._spec.pairs
        }
        with self._lock:
            self._tallies = merge(self._tallies, tallies)
            self._pairs = {
                pair: sums.add(self._pairs[pair]) if pair in self._pairs else sums
                for pair, sums in pairs.items()
            }

    def result(self) -> Result:
        """What is known of the shard after all passes."""
        self._add(self._waiting)
        unreadable = tuple(sorted(self._unreadable))
        read = len(self._classes) - len(unreadable)
        return Result(self._tallies, read, unreadable, self._content, self._axes, self._pairs)


def _rows_of_maps(maps: Mapping[str, FloatArray], readable: NDArray[np.int64]) -> dict[str, Rows]:
    """The rows of the images that could be read, for each layer."""
    return {
        name: rows_of(array if len(readable) == len(array) else array[readable])
        for name, array in maps.items()
    }


def means_of(model: Forward, spec: Spec, items: Sequence[Item]) -> dict[str, NDArray[np.float64]]:
    """The means of the maps of a few images, ``(image, channel)`` for each layer."""
    reader = Reader()
    loaded = [load(spec, reader, item) for item in items]
    readable = np.array([index for index, one in enumerate(loaded) if one.values], np.int64)
    maps = _run_pass(model, loaded, spec, 0, [_empty_batch(spec)])
    if not maps:
        return {name: np.zeros((0, 1)) for name in spec.layers}
    return {name: rows.mean for name, rows in _rows_of_maps(maps, readable).items()}
