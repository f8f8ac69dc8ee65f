"""What a rewrite is: one cause for which Keras 3 refuses a configuration, and its cure."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import class_of, each_layer, settings_of

Version = tuple[int, int]

KERAS_3: Version = (3, 0)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One cause for which Keras 3 refuses a configuration, and its cure."""

    name: str  # a short name for it
    cause: str  # what it changes, in a sentence for the documentation
    says: str  # what was done, in words for the user; empty for what changes the form alone
    before: Version | None  # the first version of Keras that does not need it, ``None`` if any may
    # Changes a configuration in place and returns in how many places.
    apply: Callable[[Config], int]

    def __call__(self, config: Config) -> int:
        return self.apply(config)


def rewrite(
    name: str, says: str = "", *, before: Version | None = None
) -> Callable[[Callable[[Config], int]], Rewrite]:
    """Makes a rewrite of a function of a whole configuration; its docstring is the cause."""

    def make(apply: Callable[[Config], int]) -> Rewrite:
        return Rewrite(name, (apply.__doc__ or "").partition("\n")[0], says, before, apply)

    return make


def layer_rewrite(
    name: str, says: str = "", *, of: Container[str] | None = None, before: Version | None = None
) -> Callable[[Callable[[Config, Config], bool]], Rewrite]:
    """Makes a rewrite of a function of one layer, which says whether it changed something.

    The function gets the layer and its settings. ``of`` names the classes of the layers that it is
    called for.
    """

    def make(change: Callable[[Config, Config], bool]) -> Rewrite:
        def apply(config: Config) -> int:
            return sum(
                change(layer, settings_of(layer))
                for layer in list(each_layer(config))
                if of is None or class_of(layer) in of
            )

        apply.__doc__ = change.__doc__
        return rewrite(name, says, before=before)(apply)

    return make


def replace_class(layer: Config, name: str, settings: Config | None = None) -> None:
    """Gives a layer another class, and forgets where the old one came from."""
    layer["class_name"] = name
    if settings is not None:
        layer["config"] = settings
    for key in ("module", "registered_name", "build_config"):
        layer.pop(key, None)
