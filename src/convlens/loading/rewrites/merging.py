"""The ``Merge`` layer of Keras 1, which did by a mode what several layers do now."""

from __future__ import annotations

from convlens.errors import ModelFileError
from convlens.loading.rewrites.walking import count_layers, name_of, settings_of
from convlens.saved import Config

MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "min": "Minimum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}


def replace_merge(config: Config) -> int:
    """A ``Merge`` layer: ``Add``, ``Multiply``, ``Concatenate`` ... by its mode."""

    def change(layer: Config) -> bool:
        if layer.get("class_name") != "Merge":
            return False
        inner = settings_of(layer)
        mode = inner.get("mode")
        if not isinstance(mode, str) or mode not in MODES:
            raise ModelFileError(
                f"layer '{name_of(layer)}' merges by a function of its author's: expected one of "
                f"{', '.join(MODES)}. Open it with Keras 1."
            )
        layer["class_name"] = MODES[mode]
        layer["config"] = {"name": name_of(layer)}
        if mode == "concat":
            axis = inner.get("concat_axis")
            layer["config"]["axis"] = axis if isinstance(axis, int) else -1
        if mode in ("dot", "cos"):
            layer["config"] |= {"axes": inner.get("dot_axes", -1), "normalize": mode == "cos"}
        return True

    return count_layers(config, change)
