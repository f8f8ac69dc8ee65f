"""Making the maps of all methods, and keeping what is to be said of them.

The rule of this module: of methods that were not asked for by name, those that do not apply are
left out and named; one that was asked for has to apply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from layersight.errors import CapabilityError, ModelInputError, SelectionError, UsageError
from layersight.nouns.heatmaps.choice import Choice, Rests, choose_layers, named_layers
from layersight.nouns.heatmaps.goals import ResolvedTarget
from layersight.nouns.heatmaps.ground import resting
from layersight.nouns.heatmaps.methods.method import NONE, ONE, Method
from layersight.nouns.heatmaps.result import Heatmap
from layersight.nouns.heatmaps.running import Batch, Work, make_batches, run
from layersight.nouns.heatmaps.scoring import measure_heatmaps
from layersight.select import LayerSpec

PARTS = 100
"""Progress counts each map in so many parts."""


@dataclass(eq=False)
class Steps:
    """Progress over maps, each in :data:`PARTS`; it never goes back."""

    tell: Callable[[int, int], None] | None
    total: int
    done: int = 0
    _told: int = 0

    def within(self, count: int) -> Callable[[int, int], None]:
        """Tells of a part of the work on so many maps that are made together."""

        def told(done: int, passes: int) -> None:
            self._say(self.done * PARTS + count * PARTS * min(done, passes) // max(1, passes))

        return told

    def finish(self, count: int) -> None:
        """So many maps more are done."""
        self.done += count
        self._say(self.done * PARTS)

    def complete(self) -> None:
        """All is done, even if there was less than thought."""
        self._say(self.total * PARTS)

    def _say(self, parts: int) -> None:
        self._told = max(self._told, min(parts, self.total * PARTS))
        if self.tell is not None:
            self.tell(self._told, self.total * PARTS)


@dataclass(eq=False)
class Making:
    """Makes the maps of all methods, and keeps what is to be said of them.

    Attributes:
        work: The model and the images.
        methods: The methods.
        layer: The layers that were asked for, ``None`` for none.
        strict: The methods that were asked for by name, which have to apply.
        metrics: What the maps are measured with.
        named_metrics: Those that were asked for by name.
        progress: Told of each map.
        notes: What a reader should know.
    """

    work: Work
    methods: Sequence[Method]
    layer: LayerSpec | Iterable[LayerSpec] | None
    strict: set[str]
    metrics: Sequence[Any]
    named_metrics: set[str]
    progress: Steps
    notes: list[str] = field(default_factory=list)
    _made: list[dict[str, Heatmap]] = field(default_factory=list)
    _lost: dict[str, str] = field(default_factory=dict)
    _choices: dict[tuple[str, str], Choice] = field(default_factory=dict)
    _rests: Rests | None = None

    def add(self, asked: Sequence[ResolvedTarget]) -> None:
        """Makes the maps of some images."""
        self.check()
        made: dict[tuple[int, str], Heatmap] = {}
        places = {id(entry): place for place, entry in enumerate(asked)}
        for batch in make_batches(self.work, asked):
            for known in self.methods:
                for entry, one in zip(batch.asked, self._run(batch, known), strict=False):
                    made[places[id(entry)], known.name] = one
            if self.metrics:
                self._measure(batch, places, made)
        self._made += [
            {name: one for (place, name), one in made.items() if place == number}
            for number in range(len(asked))
        ]

    def finish(self) -> tuple[Heatmap, ...]:
        """All maps, in the order in which they were asked for, and of the methods."""
        kept = [known.name for known in self.methods if known.name not in self._lost]
        if not kept:
            raise ModelInputError(
                "no method applies: "
                + "; ".join(f"{name}: {why}" for name, why in self._lost.items())
            )
        self.notes += [
            f"without {name}, which does not apply: {why}" for name, why in self._lost.items()
        ]
        self.progress.complete()
        return tuple(made[name] for made in self._made for name in kept)

    def check(self) -> None:
        """Refuses a layer that no method takes.

        Raises:
            UsageError: One was asked for, and none does.
        """
        if self.layer is not None and all(known.layers == NONE for known in self.methods):
            names = ", ".join(known.name for known in self.methods)
            raise UsageError(f"no method asked for ({names}) takes a layer: leave it out")

    def _run(self, batch: Batch, known: Method) -> list[Heatmap]:
        """The maps of a batch by one method; none if it does not apply."""
        if known.name in self._lost:
            self.progress.finish(len(batch))
            return []
        if self.layer is not None:
            self.choose(batch, known)  # a layer that was named has to do, whatever the method
        try:
            choice = self.choose(batch, known)
            found = run(self.work, known, choice, batch, self.progress.within(len(batch)))
        except (CapabilityError, ModelInputError, SelectionError, UsageError) as error:
            if known.name in self.strict:
                raise
            self._lost[known.name] = str(error)
            found = []
        self.progress.finish(len(batch))
        return found

    def choose(self, batch: Batch, known: Method) -> Choice:
        """The layers of a method for a target's layer, chosen once."""
        if known.layers == NONE:
            return Choice(())
        end = batch.asked[0].target.layer
        if (end, known.layers) not in self._choices:
            info = self.work.info
            if self._rests is None:
                self._rests = resting(self.work.model, batch.images.one(0), info)
            last = next(entry for entry in info.layers if entry.name == end)
            if self.layer is None:
                choice = choose_layers(info, last, known.layers, rests=self._rests)
            else:
                choice = named_layers(info, last, self.layer, rests=self._rests)
            self._choices[end, known.layers] = choice
            if choice.note and choice.note not in self.notes:
                self.notes.append(choice.note)
            if self.layer is not None and len(choice.names) > 1 and known.layers == ONE:
                self.notes.append(
                    f"fused: {', '.join(choice.names)}; the mean of their maps, each divided by "
                    "its greatest value"
                )
        return self._choices[end, known.layers]

    def _measure(
        self, batch: Batch, places: Mapping[int, int], made: dict[tuple[int, str], Heatmap]
    ) -> None:
        """What the metrics say of the maps of a batch."""
        strict = {one.name: one.name in self.named_metrics for one in self.metrics}
        for number, entry in enumerate(batch.asked):
            place = places[id(entry)]
            maps = [
                (made[place, known.name], known, self.choose(batch, known))
                for known in self.methods
                if (place, known.name) in made and known.name not in self._lost
            ]
            done, notes = measure_heatmaps(
                self.work,
                batch,
                number,
                maps,
                self.metrics,
                strict=strict,
                begin=lambda: self.progress.within(1),
                told=lambda: self.progress.finish(1),
            )
            made.update({(place, one.method): one for one in done})
            self.notes += [note for note in notes if note not in self.notes]
