"""What is checked before a pass: that it can be run, and that it fits the input."""

from __future__ import annotations

from collections.abc import Sequence

from layersight.errors import LayersightError, ModelInputError
from layersight.frameworks.graph.sizes import count_values
from layersight.frameworks.graph.view import View
from layersight.frameworks.keras.fitting import sizes_that_fit
from layersight.frameworks.keras.kernels import HELD, kernel_of
from layersight.frameworks.keras.refused import Refused
from layersight.select import blocked_error


def other_inputs(names: Sequence[str]) -> str:
    """What to do where a number does not depend on an input.

    >>> other_inputs(["left", "right"])
    'choose one that it depends on, left or right'
    """
    if not names:
        return "it depends on no input, so choose another layer"
    return f"choose one that it depends on, {' or '.join(names)}"


def check_steps(view: View, indices: set[int], *, outputs: bool = False) -> str | None:
    """Refuses a pass to steps that cannot be run, or that do not take what they would be given.

    Returns:
        Why the outputs of the model cannot be given, ``None`` if they can or need not.
    """
    for handle in view.handles.values():
        if handle.index in indices and (stop := view.stops.get(handle.index)):
            raise blocked_error(
                stop.source, [one.info for one in view.handles.values()], handle.info
            )
    if (reason := _unfit(view, indices)) is not None:
        raise reason
    if not outputs:
        return None
    producers = view.program.producers()
    ends = {producers[value] for value in view.program.outputs if value in producers}
    if any(index in view.stops for index in ends):
        return stop_note(view)
    reason = _unfit(view, ends)
    if reason is not None and not indices:
        raise reason
    return None if reason is None else str(reason)


def stop_note(view: View) -> str | None:
    """Where the computation of a network stops and what can be done; ``None`` if it does not."""
    blocked = [handle for handle in view.handles.values() if handle.index in view.stops]
    if not blocked:
        return None
    stops = list(dict.fromkeys(view.stops[handle.index] for handle in blocked))
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
        for handle in view.handles.values()
        if isinstance(handle.layer, Refused) and type(handle.layer).__name__ not in HELD
        for array in handle.layer.held.values()
    )
    if any(array.ndim == 4 for array in unknown):
        return "layersight kernels --stored shows all kernels that the file holds; "
    if any(kernel_of(handle.layer) is not None for handle in view.handles.values()):
        return "layersight kernels shows all its kernels; "
    return ""


def _unfit(view: View, indices: set[int]) -> LayersightError | None:
    """Why a pass to some steps does not fit the input, ``None`` if it does."""
    needed = sorted(view.program.needed(indices)) if view.unfit else ()
    for index in needed:
        if index in view.unfit:
            reason = view.unfit[index]
            if not isinstance(reason, ModelInputError):
                return reason
            fitting = sizes_that_fit(view.program, view.taken, needed)
            return reason if fitting is None else ModelInputError(fitting)
    return None


def held_values(view: View, indices: Sequence[int]) -> int:
    """How many values a pass to some steps gives for one image, all of them together."""
    return sum(
        count_values(shape)
        for index in view.program.needed(set(indices))
        for shape in view.program.steps[index].shapes
    )
