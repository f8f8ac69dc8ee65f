"""Surveying images in this process: decoding, forward passes and counting beside each other.

The rule of this module: a bounded number of images is in memory, however many there are.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from layersight import images
from layersight.batch.request import ImageOptions
from layersight.data.arrays import FloatArray
from layersight.data.image import InputImage
from layersight.data.model import InputInfo
from layersight.data.preprocessing import Preprocessing
from layersight.errors import ImageError, ModelInputError
from layersight.model import Forward
from layersight.nouns.survey.correlation import Products
from layersight.nouns.survey.dataset import Item, Reader, numbers_of
from layersight.nouns.survey.plan import Pair, Shard, Spec
from layersight.nouns.survey.rows import Rows, rows_of
from layersight.nouns.survey.shards import Result
from layersight.nouns.survey.tally import Tally

AHEAD = 64
"""Images that are decoded while a pass runs."""
CHUNK = 256
"""Images whose rows are kept before they are added to a tally."""


@dataclass(frozen=True, eq=False, slots=True)
class Loaded:
    """An image, or why there is none.

    Attributes:
        name: What it is called.
        values: What each network gets; nothing where it could not be read.
        content: A digest of its bytes.
        reason: Why it could not be read.
    """

    name: str
    values: tuple[FloatArray, ...]
    content: bytes
    reason: str = ""


@dataclass(slots=True)
class Loader:
    """Loads images in one size and scale."""

    spec: Spec
    reader: Reader

    def load(self, item: Item) -> Loaded:
        """An image, or why it cannot be read; whatever a decoder says stays here."""
        try:
            loaded = [
                load_item(self.reader, item, one.entry, one.preprocessing, one.options)
                for one in self.spec.models
            ]
        except ImageError as error:
            return Loaded(item.name, (), b"", str(error))
        return Loaded(item.name, tuple(image.values for image, _ in loaded), loaded[0][1])


def load_item(
    reader: Reader, item: Item, entry: InputInfo, scale: Preprocessing, options: ImageOptions
) -> tuple[InputImage, bytes]:
    """An image for an input, and a digest of its bytes.

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
    decoders: int,
    strict: bool,
    on_progress: Callable[[int], None] = lambda count: None,
    other: Forward | None = None,
) -> Iterator[tuple[Shard, Result]]:
    """Surveys shards one after the other.

    Args:
        model: The network.
        spec: What is done to the images.
        shards: The images.
        classes: The names of all classes.
        decoders: How many threads decode.
        strict: Whether an image that cannot be read ends the survey.
        on_progress: Called with the number of images after each pass.
        other: The other model, where ``spec`` has one.

    Raises:
        ImageError: An image cannot be read, and that is to end the survey.
        ModelInputError: A layer gives nothing for each image.
    """
    steps = [
        (shard, start) for shard in shards for start in range(0, len(shard.items), spec.images)
    ]
    groups = [shard.items[start : start + spec.images] for shard, start in steps]
    loader = Loader(spec, Reader())
    with ThreadPoolExecutor(decoders) as pool, ThreadPoolExecutor(1) as counter:
        counting: list[Future[None]] = []
        tally: _Counter | None = None
        loaded = _ahead(pool, loader, groups)
        # Two, since what is counted may be what the network was given.
        buffers = [[_blank(one) for _ in range(2)] for one in spec.models]
        networks = (model,) if other is None else (model, other)
        try:
            for (shard, start), part in zip(steps, loaded, strict=True):
                if tally is None:
                    tally = _Counter(spec, numbers_of([i.label for i in shard.items], classes))
                if strict:
                    _refuse(part)
                kept = np.array([i for i, one in enumerate(part) if one.values], np.int64)
                # The other first, since what both gave is added up with the rows of the first.
                for place in reversed(range(len(networks))):
                    maps = _maps(networks[place], part, spec.models[place], place, buffers[place])
                    buffers[place].reverse()
                    while counting:
                        counting.pop().result()
                    counting.append(
                        counter.submit(tally.compare, kept, maps)
                        if place > 0
                        else counter.submit(tally.count, part, kept, maps, start)
                    )
                    del maps
                on_progress(len(part))
                if start + spec.images >= len(shard.items):
                    counting.pop().result()
                    yield shard, tally.result()
                    tally = None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ahead(
    pool: ThreadPoolExecutor, loader: Loader, groups: Iterable[Sequence[Item]]
) -> Iterator[list[Loaded]]:
    """Groups of images, a few of them loaded before they are asked for."""
    waiting: deque[list[Future[Loaded]]] = deque()
    for group in groups:
        waiting.append([pool.submit(loader.load, item) for item in group])
        if (len(waiting) - 1) * len(group) >= AHEAD:
            yield [future.result() for future in waiting.popleft()]
    while waiting:
        yield [future.result() for future in waiting.popleft()]


def _refuse(part: Sequence[Loaded]) -> None:
    bad = next((one for one in part if not one.values), None)
    if bad is not None:
        raise ImageError(f"{bad.reason} Leave --strict out to go on without it")


def _blank(spec: Spec) -> FloatArray:
    """Memory for a pass."""
    return np.empty((spec.images, *spec.shape), np.float32)


def _maps(
    model: Forward, part: Sequence[Loaded], spec: Spec, place: int, memory: Sequence[FloatArray]
) -> Mapping[str, FloatArray]:
    """What the layers of a model make of a whole pass, blank where there is no image.

    Args:
        model: The network.
        part: The images.
        spec: What it does to them.
        place: Which of several models it is.
        memory: For the pass first.
    """
    if not any(one.values for one in part):
        return {}
    batch = memory[0]
    batch[len(part) :] = 0
    for index, one in enumerate(part):
        values = one.values[place] if one.values else 0
        if isinstance(values, np.ndarray) and values.shape != spec.shape:
            raise ModelInputError(
                f"expected every image to give an array of {spec.shape}, found "
                f"{values.shape} for '{one.name}': give one size with --size"
            )
        batch[index] = values
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


class _Counter:
    """Counts what the layers make of the images of a shard."""

    def __init__(self, spec: Spec, classes: NDArray[np.int64]) -> None:
        self._spec, self._classes = spec, classes
        self._rows: dict[str, list[Rows]] = {}
        self._axes: dict[str, tuple[int, ...]] = {}
        self._images: list[NDArray[np.int64]] = []
        self._tallies: dict[str, Tally] = {}
        self._others: dict[str, list[NDArray[np.float64]]] = {}
        self._pairs: dict[Pair, Products] = {}
        self._unreadable: list[tuple[str, str]] = []
        self._read = self._content = 0

    def count(
        self,
        part: Sequence[Loaded],
        kept: NDArray[np.int64],
        maps: Mapping[str, FloatArray],
        start: int,
    ) -> None:
        """Counts one pass."""
        for one in part:
            if not one.values:
                self._unreadable.append((one.name, one.reason))
                continue
            whole = one.name.encode("utf-8", "surrogateescape") + b"\0" + one.content
            digest = hashlib.blake2b(whole, digest_size=16).digest()
            self._content = (self._content + int.from_bytes(digest)) % (1 << 128)
        for name, array in maps.items():
            values = _some(array, kept)
            self._rows.setdefault(name, []).append(rows_of(values))
            self._axes[name] = values.shape[1:-1]
        if len(kept):
            self._images.append(kept + start)
        self._read += len(kept)
        if sum(map(len, self._images)) >= CHUNK:
            self._flush()

    def compare(self, kept: NDArray[np.int64], maps: Mapping[str, FloatArray]) -> None:
        """Keeps the means of another model's layers for one pass, which is then counted."""
        for name, array in maps.items():
            self._others.setdefault(name, []).append(rows_of(_some(array, kept)).mean)

    def _flush(self) -> None:
        if not self._images:
            return
        images = np.concatenate(self._images)
        for name, parts in self._rows.items():
            rows = Rows.join(parts)
            found = Tally.of(
                rows,
                math.prod(self._axes[name]),
                images,
                self._classes[images],
                self._spec.length,
            )
            before = self._tallies.get(name)
            self._tallies[name] = found if before is None else before.add(found)
        self._correlate()
        self._rows.clear()
        self._others.clear()
        self._images.clear()

    def _correlate(self) -> None:
        """Adds the products of the means of layers that are correlated."""
        own = {name: [rows.mean for rows in self._rows[name]] for name in self._spec.units}
        means = [
            {name: units.whole(np.concatenate(found[name])) for name, units in one.units.items()}
            for one, found in zip(self._spec.models, (own, self._others), strict=False)
        ]
        for pair in self._spec.pairs:
            first, model, second = pair
            sums = Products.of(means[0][first], means[model][second])
            before = self._pairs.get(pair)
            self._pairs[pair] = sums if before is None else before.add(sums)

    def result(self) -> Result:
        """What is known of the shard."""
        self._flush()
        unreadable = tuple(sorted(self._unreadable))
        return Result(
            *(self._tallies, self._read, unreadable, self._content, self._axes, self._pairs)
        )


def _some(array: FloatArray, kept: NDArray[np.int64]) -> FloatArray:
    """The maps of the images that could be read."""
    return array if len(kept) == len(array) else array[kept]


def means_of(model: Forward, spec: Spec, items: Sequence[Item]) -> dict[str, NDArray[np.float64]]:
    """The means of the maps of a few images, ``(image, channel)`` for each layer."""
    loader = Loader(spec, Reader())
    part = [loader.load(item) for item in items]
    kept = np.array([index for index, one in enumerate(part) if one.values], np.int64)
    maps = _maps(model, part, spec, 0, [_blank(spec)])
    if not maps:
        return {name: np.zeros((0, 1)) for name in spec.layers}
    return {name: rows_of(array[kept]).mean for name, array in maps.items()}
