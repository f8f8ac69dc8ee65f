"""Whether there is memory for a pass, and what else can be asked for where there is not."""

from __future__ import annotations

from collections.abc import Sequence

from layersight.errors import ModelInputError
from layersight.frameworks.graph.sizes import count_bytes
from layersight.frameworks.graph.view import View
from layersight.limits import free_memory, in_words

SMALL = 1 << 27  # up to how many bytes it is not looked whether there is memory for them


def check_room(view: View, layers: Sequence[str], images: int, *, any_size: bool) -> None:
    """Refuses a pass whose maps do not fit into the memory that is free, whoever made the model."""
    total = images * sum(count_bytes(view.handles[name].info.output_shape) for name in layers)
    if total <= SMALL or (free := free_memory()) is None or total <= free:
        return
    what = "one image" if images == 1 else f"{images} images at once"
    more = ["give fewer images"] if images > 1 else []
    raise ModelInputError(
        f"the layers asked for would give {in_words(total)} for {what}{largest_of(view, layers)}, "
        f"more than the {in_words(free)} of memory that are free: "
        + ways_out(view, None, *more, any_size=any_size)
    )


def largest_of(view: View, layers: Sequence[str]) -> str:
    """Which of several layers gives the most, in words; nothing for a single one."""
    if len(layers) < 2:
        return ""
    shapes = {name: view.handles[name].info.output_shape for name in layers}
    largest = max(layers, key=lambda name: count_bytes(shapes[name]))
    return f", the largest of them '{largest}' of shape {shapes[largest]}"


def ways_out(view: View, index: int | None, *more: str, any_size: bool) -> str:
    """What else can be asked for.

    ``index`` is that of a step that is too much by itself.
    """
    names = [name for name, handle in view.handles.items() if handle.index == index]
    ways = ["choose fewer layers with -l (layers=)"]
    if names:
        first = next(iter(view.handles)) in names
        ways = [] if first else [f"choose layers before '{names[0]}' with -l (layers=)"]
    if any_size:
        ways.append("give a smaller --size (size=)")
    return " or ".join([*ways, *more])
