"""The declaration of a metric of heatmaps, and the list of metrics.

The rule of this module: a new metric is a new file beside this one, which ends with its
:class:`Metric`; command line, Python, documents and menus read that folder. Every metric is one
function from a :class:`~layersight.nouns.heatmaps.metrics.bench.Trial`, a map and its image: it
shows the network changed images and reads the target's score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layersight.data.fields import split_words
from layersight.errors import UsageError
from layersight.nouns import registry
from layersight.nouns.heatmaps.methods.method import Size
from layersight.nouns.heatmaps.request import MeasureOptions
from layersight.nouns.heatmaps.result import Curve

if TYPE_CHECKING:
    from layersight.nouns.heatmaps.metrics.bench import Bench, Trial

DEFAULT, ALL, COSTLY = "default", "all", "costly"
"""All methods or metrics except the costly ones, by either word; and the costly ones."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a metric.

    Attributes:
        value: The number; NaN where it is undefined.
        curve: The scores that it is computed from, for metrics that have a curve.
    """

    value: float
    curve: Curve | None = None


@dataclass(frozen=True, slots=True)
class ReferenceValues:
    """The values of a metric for maps that know nothing of the network.

    Attributes:
        random: The mean over several random maps.
        centre: The value of a map that is brightest in the middle.
        bar: The value that a heatmap has to beat; ``None``: that of the random maps.
    """

    random: float
    centre: float
    bar: float | None = None


Compute = Callable[["Trial"], Outcome]
Refer = Callable[["Bench", Size], ReferenceValues]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Metric(registry.Entry):
    """A measure of how far a heatmap can be believed.

    Attributes:
        higher_is_better: Whether high values are good.
        compute: The function.
        reference: Gives the values of random maps and of the centre; ``None``: by ``compute``.
        explains: Whether it makes the map again, of changed images or of a changed network.
        passes: What one map costs, in passes of an image through the network, by the options and
            by what making the map costs; ``None`` for a single pass.
        probability: Whether the score has to be a probability.

    Every metric reads the options ``randoms`` and ``seed``.
    """

    higher_is_better: bool
    compute: Compute
    reference: Refer | None = None
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


def choose_metrics(requested: str | Iterable[str]) -> tuple[Metric, ...]:
    """The metrics with some names, each once, in the order of the list.

    Args:
        requested: Names, also several in one word with commas between; ``"all"`` or ``"default"``:
            all except those that make the map again, which cost many times as much; ``"costly"``:
            those.

    Raises:
        UsageError: A metric is unknown, or none was named.

    Example:
        >>> [metric.name for metric in choose_metrics("insertion,deletion")]
        ['deletion', 'insertion']
    """
    names = split_words(requested)
    if not names:
        raise UsageError(f"expected a metric, found none: name one of {', '.join(metrics())}")
    chosen = set()
    for name in names:
        if name in (DEFAULT, ALL, COSTLY):
            costly = name == COSTLY
            chosen |= {each.name for each in metrics().values() if each.explains == costly}
        else:
            chosen.add(find_metric(name).name)
    return tuple(metric for name, metric in metrics().items() if name in chosen)


def explicit_names(requested: str | Iterable[str]) -> set[str]:
    """The methods or metrics that were requested by their own names, which have to apply."""
    return set(split_words(requested)) - {DEFAULT, ALL, COSTLY}
