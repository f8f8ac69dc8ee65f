"""What is checked before a pass: that it can be run, and that it fits the input."""

from __future__ import annotations

from collections.abc import Sequence

from layersight.errors import ModelInputError
from layersight.frameworks.graph.sizes import count_values
from layersight.frameworks.graph.view import View
from layersight.frameworks.keras.fitting import sizes_that_fit
from layersight.frameworks.keras.kernels import HELD, kernel_of
from layersight.frameworks.keras.refused import Refused
from layersight.select import blocked_error


def other_inputs(names: Sequence[str]) -> str:
    """What to do where a number does not depend on an input.

    Args:
        names: The inputs that it depends on.

    >>> other_inputs(["left", "right"])
    'choose one that it depends on, left or right'
    """
    if not names:
        return "it depends on no input, so choose another layer"
    return f"choose one that it depends on, {' or '.join(names)}"


def check_runs(view: View, places: set[int], *, outputs: bool = False) -> str | None:
    """Says why the outputs of a model cannot be given, ``None`` if they can or need not.

    Args:
        view: The model for the shapes of the inputs.
        places: The places of the steps asked for.
        outputs: Whether outputs are wanted too.

    Raises:
        UnsafeModelError: A step asked for cannot be run.
    """
    if not view.stops:
        return None
    for sight in view.sights.values():
        if sight.place in places and (stop := view.stops.get(sight.place)):
            raise blocked_error(stop.source, [one.info for one in view.sights.values()], sight.info)
    producers = view.program.producers() if outputs else {}
    ends = {producers[value] for value in view.program.outputs if value in producers}
    return stop_note(view) if any(place in view.stops for place in ends) else None


def stop_note(view: View) -> str | None:
    """Where the computation of a network stops and what can be done; ``None`` if it does not."""
    blocked = [sight for sight in view.sights.values() if sight.place in view.stops]
    if not blocked:
        return None
    stops = list(dict.fromkeys(view.stops[sight.place] for sight in blocked))
    first, others = stops[0], [f"'{stop.layer}'" for stop in stops[1:]]
    more = f" (likewise {', '.join(others[:3])}{' ...' if others[3:] else ''})" if others else ""
    behind = len(blocked) - len(stops)
    names = "it" if not others else "they"
    if behind == 0:
        what = f"{names} cannot be computed"
    else:
        layers = "layer" if behind == 1 else f"{behind} layers"
        depend = f"the {layers} that depend{'s' if behind == 1 else ''} on {names}"
        what = f"neither {names} nor {depend} can be computed"
    return (
        f"{first.describe(first.layer)}{more}, so {what}. What else can be done: "
        f"{_kernels_shown(view)}{first.instead()}"
    )


def _kernels_shown(view: View) -> str:
    """The command that shows the kernels of a network that cannot be computed, if it has any."""
    unknown = (
        array
        for sight in view.sights.values()
        if isinstance(sight.layer, Refused) and type(sight.layer).__name__ not in HELD
        for array in sight.layer.held.values()
    )
    if any(array.ndim == 4 for array in unknown):
        return "layersight kernels --stored shows all kernels that the file holds; "
    if any(kernel_of(sight.layer) is not None for sight in view.sights.values()):
        return "layersight kernels shows all its kernels; "
    return ""


def check_fits(view: View, places: set[int], *, outputs: bool = False) -> str | None:
    """Refuses a pass through a step that does not take what it would be given.

    Args:
        view: The model for the shapes of the inputs.
        places: The places of the steps asked for.
        outputs: Whether the model's own outputs are asked for too.

    Returns:
        Why the outputs cannot be given, ``None`` if they can or need not.

    Raises:
        ModelInputError: There is such a step; it says which and why.
    """
    if not view.unfit:
        return None
    if (reason := _unfit(view, places)) is not None:
        raise reason
    producers = view.program.producers() if outputs else {}
    ends = {producers[value] for value in view.program.outputs if value in producers}
    reason = _unfit(view, ends)
    if reason is not None and not places:
        raise reason
    return None if reason is None else str(reason)


def _unfit(view: View, places: set[int]) -> ModelInputError | None:
    """Why a pass to some steps does not fit the input, ``None`` if it does."""
    needed = sorted(view.program.needed(places))
    for place in needed:
        if place in view.unfit:
            fitting = sizes_that_fit(view.program, view.taken, needed)
            return view.unfit[place] if fitting is None else ModelInputError(fitting)
    return None


def held_values(view: View, places: Sequence[int]) -> int:
    """How many values a pass to some steps gives for one image, all of them together."""
    return sum(
        count_values(shape)
        for place in view.program.needed(set(places))
        for shape in view.program.steps[place].shapes
    )
