"""What makes a metric of heatmaps, and the list of them.

The rule of this module: a new metric is a new file beside this one, which ends with its
:class:`Metric`; command line, Python, documents and menus read that folder. Every metric is one
function from a :class:`~layersight.nouns.heatmaps.metrics.bench.Trial`, which is a map upon an
image: it shows the network changed images and reads the target's score off it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layersight.data.fields import split_words
from layersight.errors import UsageError
from layersight.nouns import registry
from layersight.nouns.heatmaps.request import MeasureOptions
from layersight.nouns.heatmaps.result import Curve

if TYPE_CHECKING:
    from layersight.nouns.heatmaps.metrics.bench import Bench, Trial

DEFAULT, ALL, COSTLY = "default", "all", "costly"
"""All methods or metrics but the costly ones, by either word; and those."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a metric found.

    Attributes:
        value: The number; not a number where there is nothing to tell.
        curve: The scores on the way to it, for metrics that have one.
    """

    value: float
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What a metric says of maps that know nothing of the network.

    Attributes:
        random: Of random maps, the mean over several.
        centre: Of a map that is brightest in the middle.
        bar: What a heatmap has to be better than; ``None``: than the random map.
    """

    random: float
    centre: float
    bar: float | None = None


Grain = tuple[int, ...]  # of how many cells along each axis a map was enlarged: height and width

Compute = Callable[["Trial"], Outcome]
Refer = Callable[["Bench", Grain], Marks]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Metric(registry.Entry):
    """A way to say how far a heatmap can be believed.

    Attributes:
        higher_is_better: Which way is good.
        compute: The function.
        refer: What it says of random maps and of the centre; ``None``: what it computes of them.
        explains: Whether it makes the map anew, of changed images or of a changed network.
        passes: What one map costs, in passes of an image through the network, by the options and
            by what making the map costs; ``None`` for a single pass.
        probability: Whether the score has to be one in 0..1.

    Every metric reads the options ``randoms`` and ``seed``.
    """

    higher_is_better: bool
    compute: Compute
    refer: Refer | None = None
    explains: bool = False
    passes: Callable[[MeasureOptions, float], float] | None = None
    probability: bool = False


def metrics() -> dict[str, Metric]:
    return registry.load("layersight.nouns.heatmaps.metrics")


def find_metric(name: str) -> Metric:
    """A metric by name.

    Raises:
        UsageError: There is none of that name.
    """
    return registry.find(metrics(), name, "metric", ", all or costly")


def choose_metrics(asked: str | Iterable[str]) -> tuple[Metric, ...]:
    """The metrics that are meant by a name or several, each once, in the order of the list.

    Args:
        asked: Names, also several in one word with commas between; ``"all"`` or ``"default"``:
            all but those that make the map anew, which cost many times as much; ``"costly"``:
            those.

    Raises:
        UsageError: There is no metric of a name, or none was named.

    Example:
        >>> [metric.name for metric in choose_metrics("insertion,deletion")]
        ['deletion', 'insertion']
    """
    names = split_words(asked)
    if not names:
        raise UsageError(f"expected a metric, found none: name one of {', '.join(metrics())}")
    wanted = set()
    for name in names:
        if name in (DEFAULT, ALL, COSTLY):
            costly = name == COSTLY
            wanted |= {each.name for each in metrics().values() if each.explains == costly}
        else:
            wanted.add(find_metric(name).name)
    return tuple(metric for name, metric in metrics().items() if name in wanted)


def named(asked: str | Iterable[str]) -> set[str]:
    """The names among what was asked for, of methods or metrics: those have to apply."""
    return set(split_words(asked)) - {DEFAULT, ALL, COSTLY}
