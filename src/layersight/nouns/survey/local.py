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
from layersight.data.arrays import FloatArray
from layersight.errors import ImageError, ModelInputError
from layersight.model import Forward
from layersight.nouns.survey.correlation import Products, whole
from layersight.nouns.survey.dataset import Item, Reader, numbers_of
from layersight.nouns.survey.plan import Shard, Spec
from layersight.nouns.survey.rows import Rows, rows_of
from layersight.nouns.survey.shards import Result
from layersight.nouns.survey.tally import Tally

AHEAD = 2
"""Passes whose images are decoded while one runs."""
CHUNK = 256
"""Images whose rows are kept before they are added to a tally."""


@dataclass(frozen=True, eq=False, slots=True)
class Loaded:
    """An image, or why there is none.

    Attributes:
        name: What it is called.
        values: What the network gets.
        content: A digest of its bytes.
        reason: Why it could not be read.
    """

    name: str
    values: FloatArray | None
    content: bytes
    reason: str = ""


@dataclass(slots=True)
class Loader:
    """Loads images in one size and scale."""

    spec: Spec
    reader: Reader

    def load(self, item: Item) -> Loaded:
        """An image, or why it cannot be read; whatever a decoder says stays here."""
        spec, options = self.spec, self.spec.options
        try:
            source, content = self.reader.read(item)
            image = images.load(
                source,
                spec.entry,
                preprocessing=spec.preprocessing,
                fit=options.fit,
                interpolation=options.interpolation,
                size=options.size,
                frame=options.frame,
                name=item.name,
            )
        except ImageError as error:
            return Loaded(item.name, None, b"", str(error))
        return Loaded(item.name, image.values, content)


def run_shards(
    model: Forward,
    spec: Spec,
    shards: Sequence[Shard],
    classes: Sequence[str],
    *,
    decoders: int,
    strict: bool,
    told: Callable[[int], None] = lambda count: None,
) -> Iterator[tuple[Shard, Result]]:
    """Surveys shards one after the other.

    Args:
        model: The network.
        spec: What is done to the images.
        shards: The images.
        classes: The names of all classes.
        decoders: How many threads decode.
        strict: Whether an image that cannot be read ends the survey.
        told: Called with the number of images after each pass.

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
        counting: Future[None] | None = None
        tally: _Counter | None = None
        loaded = _ahead(pool, loader, groups)
        # Two, since what is counted may be what the network was given.
        buffers = [np.empty((spec.images, *spec.shape), np.float32) for _ in range(2)]
        try:
            for (shard, start), part in zip(steps, loaded, strict=True):
                if tally is None:
                    tally = _Counter(spec, numbers_of([i.label for i in shard.items], classes))
                if strict:
                    _refuse(part)
                batch, kept = _stack(part, spec, buffers[0])
                buffers.reverse()
                maps: Mapping[str, FloatArray] = {}
                if batch is not None:
                    maps = model.forward({spec.entry.name: batch}, spec.layers).layers
                for name, array in maps.items():
                    check_axes(name, array, spec.images)
                if counting is not None:
                    counting.result()
                counting = counter.submit(tally.count, part, kept, maps, start)
                del maps
                told(len(part))
                if start + spec.images >= len(shard.items):
                    counting.result()
                    yield shard, tally.result()
                    tally = counting = None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ahead(
    pool: ThreadPoolExecutor, loader: Loader, groups: Iterable[Sequence[Item]]
) -> Iterator[list[Loaded]]:
    """Groups of images, a few of them loaded before they are asked for."""
    waiting: deque[list[Future[Loaded]]] = deque()
    for group in groups:
        waiting.append([pool.submit(loader.load, item) for item in group])
        if len(waiting) > AHEAD:
            yield [future.result() for future in waiting.popleft()]
    while waiting:
        yield [future.result() for future in waiting.popleft()]


def _refuse(part: Sequence[Loaded]) -> None:
    bad = next((one for one in part if one.values is None), None)
    if bad is not None:
        raise ImageError(f"{bad.reason} Leave --strict out to go on without it")


def _stack(
    part: Sequence[Loaded], spec: Spec, batch: FloatArray
) -> tuple[FloatArray | None, NDArray[np.int64]]:
    """A whole pass, blank where there is no image, and where there are some.

    Args:
        part: The images.
        spec: How many there are in a pass, and their shape.
        batch: Memory for the pass.
    """
    kept = np.array([i for i, one in enumerate(part) if one.values is not None], np.int64)
    if not kept.size:
        return None, kept
    batch[len(part) :] = 0
    for index, one in enumerate(part):
        if one.values is None:
            batch[index] = 0
            continue
        if one.values.shape != spec.shape:
            raise ModelInputError(
                f"expected every image to give an array of {spec.shape}, found "
                f"{one.values.shape} for '{one.name}': give one size with --size"
            )
        batch[index] = one.values
    return batch, kept


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
        self._pairs: dict[tuple[str, str], Products] = {}
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
            if one.values is None:
                self._unreadable.append((one.name, one.reason))
                continue
            whole = one.name.encode("utf-8", "surrogateescape") + b"\0" + one.content
            digest = hashlib.blake2b(whole, digest_size=16).digest()
            self._content = (self._content + int.from_bytes(digest)) % (1 << 128)
        for name, array in maps.items():
            values = array if len(kept) == len(array) else array[kept]
            self._rows.setdefault(name, []).append(rows_of(values))
            self._axes[name] = values.shape[1:-1]
        if len(kept):
            self._images.append(kept + start)
        self._read += len(kept)
        if sum(map(len, self._images)) >= CHUNK:
            self._flush()

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
        self._images.clear()

    def _correlate(self) -> None:
        """Adds the products of the means of layers that are correlated."""
        spec = self._spec
        means = {
            name: whole(np.concatenate([rows.mean for rows in self._rows[name]]), units)
            for name, units in spec.units.items()
        }
        for first, second in spec.correlated:
            found = Products.of(means[first], means[second])
            before = self._pairs.get((first, second))
            self._pairs[first, second] = found if before is None else before.add(found)

    def result(self) -> Result:
        """What is known of the shard."""
        self._flush()
        unreadable = tuple(sorted(self._unreadable))
        return Result(
            *(self._tallies, self._read, unreadable, self._content, self._axes, self._pairs)
        )


def means_of(model: Forward, spec: Spec, items: Sequence[Item]) -> dict[str, NDArray[np.float64]]:
    """The means of the maps of a few images, ``(image, channel)`` for each layer."""
    loader = Loader(spec, Reader())
    memory = np.empty((spec.images, *spec.shape), np.float32)
    batch, kept = _stack([loader.load(item) for item in items], spec, memory)
    if batch is None:
        return {name: np.zeros((0, 1)) for name in spec.layers}
    maps = model.forward({spec.entry.name: batch}, spec.layers).layers
    return {name: rows_of(array[kept]).mean for name, array in maps.items()}
