"""The optimisation of many patterns: slots that are filled again as soon as a pattern is done.

The rule of this module: a pattern does not depend on those beside it. All slots see their canvases
through the same placements, which follow from the number of the step; so these repeat every
:data:`PERIOD` steps, and a pattern begins only where they start again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from layersight.data.arrays import Bytes, FloatArray
from layersight.data.ascent import Ascent, Optimisation
from layersight.errors import ModelInputError
from layersight.nouns.patterns.methods.method import Context, Method, Start
from layersight.nouns.patterns.placements import identity
from layersight.nouns.patterns.result import Objective

GAIN = 0.02
"""A pattern whose last steps gained less than this share over those before has converged."""

PERIOD = 32
"""How many different placements there are before they repeat."""

SILENT = PERIOD
"""Steps without any change of its activation after which a channel starts again, or fewer if the
optimisation takes fewer."""

ATTEMPTS = 3
"""How many starts a silent channel gets before it is called dead."""

STILL = 1e-6
"""A change smaller than this share of the value is none."""

Weights = Sequence[FloatArray]


@dataclass(frozen=True, eq=False, slots=True)
class OptimisedPattern:
    number: int  # the index of its objective
    canvas: FloatArray  # (height, width, channel)
    start: FloatArray  # that of its start
    attention: FloatArray  # (height, width), where the gradient was large
    history: tuple[float, ...]  # the objective before each step, as the network saw it then
    converged: bool  # whether the last steps gained nothing more
    awake: bool  # whether the objective ever changed
    attempt: int = 0  # how many starts before this one the channel slept through
    leaked: bool = False  # whether it had to be woken by a leaking gradient
    # what it looked like before some of the steps, each (height, width, channel) uint8
    frames: tuple[Bytes, ...] = ()


@dataclass(slots=True)
class _Team:
    """The slots that are optimised as one: the facets of a channel, or one pattern alone."""

    slots: slice
    numbers: range = range(0)
    attempt: int = 0
    slept: int = 0
    history: list[FloatArray] = field(default_factory=list)
    first: FloatArray | None = None
    frames: list[Bytes] = field(default_factory=list)

    @property
    def age(self) -> int:
        """How many steps it has taken since it woke; while it sleeps, how many it has slept."""
        taken = len(self.history)
        return taken - self.slept if self.slept < taken else taken

    def members(self) -> Iterator[tuple[int, int]]:
        """The slot and the number of each pattern."""
        return zip(range(self.slots.start, self.slots.stop), self.numbers, strict=False)


class Optimiser:
    """The optimisation of all patterns of one run.

    The facets of a channel stand beside each other among ``objectives``; ``weights`` are theirs for
    each probe. ``asleep`` collects the patterns that never moved from their first start; they would
    take the slots of a large batch, so they are better optimised again in a smaller one.
    """

    def __init__(
        self,
        optimisation: Optimisation,
        ascent: Ascent,
        method: Method,
        context: Context,
        objectives: Sequence[Objective],
        weights: Sequence[Weights],
        frames: Sequence[int] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._optimisation, self._ascent = optimisation, ascent
        self._method, self._context = method, context
        self._objectives, self._weights, self._progress = objectives, weights, progress
        self._waiting = deque(range(0, len(objectives), ascent.group))
        firsts = range(0, ascent.batch, ascent.group)
        self._teams = [_Team(slice(first, first + ascent.group)) for first in firsts]
        self._leaking = np.zeros(ascent.batch, np.float32)
        self._frames = frozenset(frames)
        self._done = self._clock = self._attempt = 0
        self.asleep: list[int] = []
        self._turns: dict[int, FloatArray] = {}
        self._drawn: dict[tuple[int, int], Start] = {}
        self._starts: dict[tuple[int, int], FloatArray] = {}

    @property
    def _active(self) -> list[_Team]:
        return [team for team in self._teams if team.numbers]

    def run(self, *, last: Sequence[int] = ()) -> Iterator[OptimisedPattern]:
        """Optimises until all patterns are finished, and gives each as soon as it is.

        Those that sleep through their first start are collected in :attr:`asleep`; ``last`` begin
        after all others.
        """
        self._waiting = deque(sorted(self._waiting, key=set(last).__contains__))
        yield from self._run()

    def wake(self, numbers: Sequence[int]) -> Iterator[OptimisedPattern]:
        """Optimises from other starts patterns that slept through the first one.

        The facets of a channel are among them together.
        """
        self._waiting = deque(numbers[:: self._ascent.group])
        self._attempt = 1
        self._done = len(self._objectives) - len(numbers)
        yield from self._run()

    def _run(self) -> Iterator[OptimisedPattern]:
        while self._waiting or self._active:
            if not self._active:
                self._clock = 0
            if self._method.placements is None or self._clock % PERIOD == 0:
                self._fill()
            self._step()
            self._clock += 1
            finished = [team for team in self._active if self._ends(team)]
            if finished:
                yield from self._finish(finished)

    def find_silent(self) -> tuple[int, ...]:
        """The patterns whose start leaves their channels at 0, and their facets.

        Nothing is optimised yet. A step in which a gradient leaks to one of them is slower for the
        batch, so they are better optimised together. All patterns of a facet have one start, and
        one pass measures what it does to every channel.
        """
        facets = sorted({objective.facet for objective in self._objectives})
        batch = self._ascent.batch
        by_facet: dict[int, list[FloatArray]] = {}
        for first in range(0, len(facets), batch):
            part = facets[first : first + batch]
            for slot, facet in enumerate(part):
                self._optimisation.begin(slot, self._start(facet, 0), self._weights[0])
            placements = self._placements()
            view = identity(self._ascent.size) if placements is None else placements[0]
            measured = self._optimisation.measure(self._optimisation.canvas(), view)
            by_facet |= {
                facet: [array[slot] for array in measured] for slot, facet in enumerate(part)
            }

        def is_silent(number: int) -> bool:
            measured = by_facet[self._objectives[number].facet]
            pairs = zip(measured, self._weights[number], strict=True)
            return not any((values * weights).any() for values, weights in pairs)

        teams = (range(first, first + self._ascent.group) for first in self._waiting)
        return tuple(number for team in teams if any(map(is_silent, team)) for number in team)

    def _start(self, facet: int, attempt: int) -> Start:
        if (facet, attempt) not in self._drawn:
            self._drawn[facet, attempt] = self._method.start(self._context, facet, attempt)
        return self._drawn[facet, attempt]

    def _key(self, team: _Team, number: int) -> tuple[int, int]:
        """What a start depends on: the facet and the attempt."""
        return self._objectives[number].facet, min(team.attempt, ATTEMPTS - 1)

    def _fill(self) -> None:
        for team in self._teams:
            if not team.numbers and self._waiting:
                first = self._waiting.popleft()
                team.numbers = range(first, first + self._ascent.group)
                team.attempt = self._attempt
                self._begin(team)

    def _begin(self, team: _Team) -> None:
        for slot, number in team.members():
            start = self._start(*self._key(team, number))
            self._optimisation.begin(slot, start, self._weights[number])
        self._leaking[team.slots] = 0
        team.history, team.frames, team.slept = [], [], 0
        team.first = None

    def _record(self) -> None:
        """Keeps what patterns look like at their start and in the frames of an animation."""
        framed = [team for team in self._active if len(team.history) in self._frames]
        starts: dict[tuple[int, int], int] = {}
        for team in self._active:
            for slot, number in team.members() if not team.history else ():
                starts.setdefault(self._key(team, number), slot)
        new = starts.keys() - self._starts.keys()
        if not framed and not new:
            return
        canvas = self._optimisation.canvas()
        self._starts |= {key: canvas[starts[key]].copy() for key in new}
        for team in framed:
            team.frames.append(self._method.show(canvas[team.slots]))

    def _step(self) -> None:
        self._record()
        rates = np.zeros(self._ascent.batch, np.float32)
        for team in self._active:
            rates[team.slots] = self._method.pace(self._context.options, team.age)
        step = self._optimisation.step(self._placements(), self._leaking, rates)
        self._leaking[:] = 0
        for team in self._active:
            values, gradients = step.values[team.slots], step.gradients[team.slots]
            self._leaking[team.slots] = gradients == 0
            self._check(team, values, gradients)
            team.history.append(values.copy())
            if team.first is None:
                team.first = gradients.copy()
            if not any(self._awake(team)):
                team.slept = len(team.history)
        self._report()

    def _check(self, team: _Team, values: FloatArray, gradients: FloatArray) -> None:
        if np.isfinite(values).all() and np.isfinite(gradients).all():
            return
        objective = self._objectives[team.numbers[0]]
        what = "gradient" if np.isfinite(values).all() else "activation"
        raise ModelInputError(
            f"the {what} of {objective.describe()} is not a finite number at step "
            f"{len(team.history) + 1}: look at the model's weights with 'layersight summary', or "
            "take a smaller rate"
        )

    def _placements(self) -> FloatArray | None:
        if self._method.placements is None:
            return None
        turn = self._clock % PERIOD
        if turn not in self._turns:
            self._turns[turn] = self._method.placements(self._context.options, turn)
        return self._turns[turn]

    def _ends(self, team: _Team) -> bool:
        """Whether a team is finished; one that stays silent starts again, or is put to sleep."""
        options, age = self._context.options, team.age
        if team.slept == len(team.history):
            if age < min(SILENT, options.steps):
                return False
            team.attempt += 1
            if team.attempt == ATTEMPTS:
                return True
            if team.attempt == 1:
                self.asleep += team.numbers
                team.numbers = range(0)
            else:
                self._begin(team)
            return False
        if age >= options.steps:
            return True
        if not (self._method.settles and options.patience) or age < 2 * options.patience:
            return False
        if self._method.placements is not None and len(team.history) % PERIOD:
            return False
        return all(self._awake(team)) and all(self._converged(team, options.patience))

    def _awake(self, team: _Team) -> list[bool]:
        """Which patterns had a gradient at once, or have moved since."""
        values, first = np.stack(team.history), team.first
        moved = np.ptp(values, 0) > STILL * np.abs(values).max(0)
        return list(map(bool, moved if first is None else moved | (first > 0)))

    def _converged(self, team: _Team, window: int) -> list[bool]:
        values = np.stack(team.history)
        window = min(window or len(values) // 4, len(values) // 2)
        if window < 1:
            return [False] * values.shape[1]
        last, before = values[-window:].mean(0), values[-2 * window : -window].mean(0)
        return list(map(bool, last - before <= GAIN * np.abs(last)))

    def _finish(self, teams: Sequence[_Team]) -> Iterator[OptimisedPattern]:
        canvas, attention = self._optimisation.canvas(), self._optimisation.attention()
        for team in teams:
            awake = self._awake(team)
            converged = self._converged(team, self._context.options.patience)
            if self._frames:
                last = self._method.show(canvas[team.slots])
                team.frames += [last] * (len(self._frames) + 1 - len(team.frames))
            for member, (slot, number) in enumerate(team.members()):
                yield OptimisedPattern(
                    number,
                    canvas[slot],
                    self._starts[self._key(team, number)],
                    attention[slot],
                    tuple(float(values[member]) for values in team.history),
                    converged[member] and awake[member],
                    awake[member],
                    team.attempt,
                    awake[member] and team.first is not None and not team.first[member] > 0,
                    tuple(frame[member] for frame in team.frames),
                )
            self._done += len(team.numbers)
            team.numbers = range(0)

    def _report(self) -> None:
        if self._progress is None:
            return
        steps = self._context.options.steps
        under_way = sum(min(team.age, steps) * len(team.numbers) for team in self._active)
        self._progress(self._done * steps + under_way, len(self._objectives) * steps)
