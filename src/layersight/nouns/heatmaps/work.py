"""The cost of heatmaps and metrics: counted beforehand, and reported as time.

The rule of this module: the cost of a part is counted in forward passes of one image through the
network (:data:`GRADIENT` for forward and backward), and becomes time by the pace of finished parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from layersight.nouns.heatmaps.methods.method import Images, Method, Progress
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

GRADIENT = 3.0  # the cost of a forward and backward pass, in forward passes

MANY = 200  # from this many passes on, the time of one is measured beforehand

Part = tuple[str, str]  # a method, and the metric of its map; "" for making the map itself


def map_passes(method: Method, options: HeatmapOptions, images: Images, channels: int) -> float:
    """The passes for the map of one image, by the images and the channels of the layer."""
    return GRADIENT if method.passes is None else method.passes(options, images, channels)


def count_costs(
    methods: Mapping[str, float],
    metrics: Sequence[Metric],
    options: MeasureOptions,
    resolutions: Mapping[str, object],
) -> dict[Part, float]:
    """The passes of every part for one image and target.

    ``resolutions`` identify how coarse the maps of a method are: random maps are measured for the
    first method of each resolution, the centre once.
    """
    costs: dict[Part, float] = {}
    seen: set[object] = set()
    for name, passes in methods.items():
        costs[name, ""] = passes
        rivals = (options.randoms if resolutions[name] not in seen else 0) + (not seen)
        seen.add(resolutions[name])
        for metric in metrics:
            once = 1.0 if metric.passes is None else metric.passes(options, passes)
            costs[name, metric.name] = once * (1 if metric.explains else 1 + rivals)
    return costs


@dataclass(eq=False)
class Tracker:
    """Reports the progress in milliseconds: the time that it took, and the time that it will take.

    ``maps`` is how many maps each method makes.
    """

    on_progress: Progress | None
    maps: int
    clock: Callable[[], float] = time.monotonic
    _passes: dict[Part, float] = field(default_factory=dict)
    _left: dict[Part, int] = field(default_factory=dict)
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)
    _pace: float = 0.0
    _start: float = 0.0
    _part_start: float = 0.0

    @property
    def planned(self) -> bool:
        """Whether the costs are known, or nothing is reported."""
        return bool(self._left) or self.on_progress is None

    def plan(self, passes: Mapping[Part, float], measure: Callable[[], float]) -> None:
        """Sets the passes of each part for one map; if there are many, one pass is measured."""
        self._passes, self._left = dict(passes), dict.fromkeys(passes, self.maps)
        self._start = self._part_start = self.clock()
        if sum(passes.values()) * self.maps > MANY:
            self._pace = measure()
            self._part_start = self.clock()
            self._report()

    def within(self, part: Part, count: int) -> Progress:
        """A callback for the progress inside a part, which makes ``count`` maps."""

        def step(done: int, passes: int) -> None:
            self._report(part, count * min(done, passes) / max(1, passes))

        return step

    def finish(self, part: Part, count: int) -> None:
        if part not in self._left:
            return
        now = self.clock()
        seconds, passes = self._took.get(_kind(part), (0.0, 0.0))
        self._took[_kind(part)] = (
            seconds + now - self._part_start,
            passes + self._passes[part] * count,
        )
        self._part_start = now
        self._left[part] = max(0, self._left[part] - count)
        self._report()

    def skip(self) -> None:
        """Skips one map of each method."""
        self._left = {part: max(0, count - 1) for part, count in self._left.items()}

    def drop(self, name: str) -> None:
        """Drops a method or metric that does not apply."""
        for part in self._left:
            if name in part:
                self._left[part] = 0
        self._part_start = self.clock()

    def complete(self) -> None:
        """Reports that all is done, even if there was less to do than expected."""
        self._left = dict.fromkeys(self._left, 0)
        self._report()

    def _report(self, part: Part | None = None, maps: float = 0.0) -> None:
        if self.on_progress is None:
            return
        now = self.clock()
        left = sum(count * self._seconds(each) for each, count in self._left.items())
        if part is not None and maps:
            # A part that has begun continues at its own pace.
            count = self._left.get(part, 0)
            pace = (now - self._part_start) / maps
            left += max(0.0, pace * (count - maps)) - count * self._seconds(part)
        elapsed = 1000 * (now - self._start)
        self.on_progress(round(elapsed), round(elapsed + 1000 * max(0.0, left)))

    def _seconds(self, part: Part) -> float:
        """The time for one map of a part."""
        seconds, passes = self._took.get(_kind(part), (0.0, 0.0))
        if passes:
            return self._passes[part] * seconds / passes
        return self._passes[part] * self._pace


def _kind(part: Part) -> str:
    """The method or metric that decides the time of a pass."""
    return part[1] or part[0]
