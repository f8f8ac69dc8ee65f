"""What heatmaps and what is measured of them cost: counted beforehand, told as it is measured.

The rule of this module: the cost of a part is counted in passes of one image through the network
(:data:`GRADIENT` for one there and back), and becomes time by what the parts that are done took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from layersight.nouns.heatmaps.methods.method import Method, Progress, Size
from layersight.nouns.heatmaps.metrics.metric import Metric
from layersight.nouns.heatmaps.request import HeatmapOptions, MeasureOptions

GRADIENT = 3.0  # what a pass there and back costs, in passes

MANY = 200  # so many passes are worth two more to find out how long one takes

Part = tuple[str, str]  # A method, and the metric of its map; "" for making the map itself


def map_passes(method: Method, options: HeatmapOptions, size: Size, channels: int) -> float:
    """What the map of one image costs, by its size and the channels of the layer that is used."""
    return GRADIENT if method.passes is None else method.passes(options, size, channels)


def count_costs(
    methods: Mapping[str, float],
    metrics: Sequence[Metric],
    options: MeasureOptions,
    resolutions: Mapping[str, object],
) -> dict[Part, float]:
    """What every part costs for one image and target, in passes.

    ``resolutions`` identify how coarse the maps of a method are: random maps are measured for the
    first method of each resolution, the centre once.
    """
    found: dict[Part, float] = {}
    seen: set[object] = set()
    for name, anew in methods.items():
        found[name, ""] = anew
        rivals = (options.randoms if resolutions[name] not in seen else 0) + (not seen)
        seen.add(resolutions[name])
        for metric in metrics:
            once = 1.0 if metric.passes is None else metric.passes(options, anew)
            found[name, metric.name] = once * (1 if metric.explains else 1 + rivals)
    return found


@dataclass(eq=False)
class Tracker:
    """Tells how much of the work is done, in milliseconds: those it took and those it will take.

    ``maps`` is how many each method makes.
    """

    report: Progress | None
    maps: int
    clock: Callable[[], float] = time.monotonic
    _passes: dict[Part, float] = field(default_factory=dict)
    _left: dict[Part, int] = field(default_factory=dict)
    _took: dict[str, tuple[float, float]] = field(default_factory=dict)
    _pace: float = 0.0
    _begun: float = 0.0
    _since: float = 0.0

    @property
    def planned(self) -> bool:
        """Whether it is known what there is to do."""
        return bool(self._left) or self.report is None

    def plan(self, passes: Mapping[Part, float], measure: Callable[[], float]) -> None:
        """Takes what each part costs for one map; where there are very many, a pass is measured."""
        self._passes, self._left = dict(passes), dict.fromkeys(passes, self.maps)
        self._begun = self._since = self.clock()
        if sum(passes.values()) * self.maps > MANY:
            self._pace = measure()
            self._since = self.clock()
            self._tell()

    def within(self, part: Part, count: int) -> Progress:

        def step(done: int, passes: int) -> None:
            self._tell(part, count * min(done, passes) / max(1, passes))

        return step

    def finish(self, part: Part, count: int) -> None:
        if part not in self._left:
            return
        now = self.clock()
        seconds, passes = self._took.get(_kind(part), (0.0, 0.0))
        self._took[_kind(part)] = (
            seconds + now - self._since,
            passes + self._passes[part] * count,
        )
        self._since = now
        self._left[part] = max(0, self._left[part] - count)
        self._tell()

    def skip(self) -> None:
        """Nothing is to be done of one map of each method."""
        self._left = {part: max(0, count - 1) for part, count in self._left.items()}

    def drop(self, name: str) -> None:
        """A method or a metric does not apply: nothing of it is left to do."""
        for part in self._left:
            if name in part:
                self._left[part] = 0
        self._since = self.clock()

    def complete(self) -> None:
        """All is done, even if there was less than thought."""
        self._left = dict.fromkeys(self._left, 0)
        self._tell()

    def _tell(self, part: Part | None = None, maps: float = 0.0) -> None:
        if self.report is None:
            return
        now = self.clock()
        left = sum(count * self._seconds(each) for each, count in self._left.items())
        if part is not None:
            # At the pace of the part itself, once it is under way.
            whole, done = self._left.get(part, 0) * self._seconds(part), maps
            own = (now - self._since) / done if done else 0.0
            left += max(0.0, own * (self._left.get(part, 0) - done)) - whole if done else 0.0
        done_before = 1000 * (now - self._begun)
        self.report(round(done_before), round(done_before + 1000 * max(0.0, left)))

    def _seconds(self, part: Part) -> float:
        """What one map of a part takes."""
        seconds, passes = self._took.get(_kind(part), (0.0, 0.0))
        if passes:
            return self._passes[part] * seconds / passes
        return self._passes[part] * self._pace


def _kind(part: Part) -> str:
    """What takes about the same time for each pass: a method, or a metric."""
    return part[1] or part[0]
