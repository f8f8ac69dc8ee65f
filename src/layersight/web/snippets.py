"""The command and the Python code that make what a view shows.

The rule of this module: a template for each view, with placeholders such as ``{layer}`` that a page
fills in, quoted for a shell or for Python; a download is what the same command writes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LAYERS = "--layers {layer}"
_LOOK = "--normalise {normalise} --contrast {contrast} --colormap {colormap}"

COMMANDS = {
    "all": "activations {MODEL} {image} --output sheet.pdf",
    "layer": f"activations {{MODEL}} {{image}} {LAYERS} {_LOOK} --output layer.png",
    "channel": f"activations {{MODEL}} {{image}} {LAYERS} --channels {{channel}} --view channel "
    f"{_LOOK} --output channel.png",
    "heatmap": "heatmap {MODEL} {image} --method {method} --target {target}{options} "
    "--output heatmap.png",
    "pattern": f"patterns {{MODEL}} {LAYERS} --channels {{channel}} --method {{method}}{{options}} "
    "--output pattern.png",
    "kernel": f"kernels {{MODEL}} {LAYERS} --channels {{channel}} --output kernel.png",
    "explore": "explore {MODEL} {image}",
}
"""The command line of each view; capitals stand for what the explorer itself was opened with,
``options`` for those of a method."""

_MAPS = "maps = layersight.activations(model, {image}, layers={layer}{OPTIONS})"
PYTHON = {
    "all": "maps = layersight.activations(model, {image}, predictions=True{OPTIONS})\n"
    'layersight.save(maps, "sheet.pdf")',
    "layer": f"{_MAPS}\nmaps.plot(normalise={{normalise}}, contrast={{contrast}}, "
    "colormap={colormap})",
    "channel": f"{_MAPS}\nmaps.plot(layer={{layer}}, channel={{channel}}, "
    "normalise={normalise}, contrast={contrast}, colormap={colormap})",
    "heatmap": "heat = layersight.heatmap(model, {image}, method={method}, target={target}"
    "{options}{OPTIONS})\nheat.plot()",
    "pattern": "found = layersight.patterns(model, {layer}, {channel}, method={method}{options})\n"
    "found.plot()",
    "kernel": "found = layersight.kernels(model, {layer}, {channel})\nfound.plot()",
    "explore": "layersight.explore(model, {image}{OPTIONS})",
}
"""The Python code of each view, after ``model`` was loaded."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an explorer was opened with, as far as commands repeat it.

    Attributes:
        model: The file or name that the model was opened from.
        opening: Keywords of :func:`layersight.load_model`.
        image: Options of images.
    """

    model: str
    opening: Mapping[str, Any]
    image: Mapping[str, Any]


def snippets(origin: Origin) -> dict[str, dict[str, str]]:
    """The command and the Python code of each view, with placeholders for what it shows.

    Example:
        >>> views = snippets(Origin("my model.h5", {}, {"fit": "crop"}))
        >>> views["explore"]["command"]
        "layersight explore 'my model.h5' {image} --fit crop"
        >>> print(views["explore"]["python"])
        import layersight
        model = layersight.load_model("my model.h5")
        layersight.explore(model, {image}, fit="crop")
    """
    opening, images = _flags(origin.opening), _flags(origin.image)
    load = "".join(f", {name}={_literal(value)}" for name, value in origin.opening.items())
    options = "".join(f", {name}={_literal(value)}" for name, value in origin.image.items())
    head = f"import layersight\nmodel = layersight.load_model({_literal(origin.model)}{load})\n"
    return {
        view: {
            "command": "layersight "
            + text.replace("{MODEL}", shlex.quote(origin.model))
            + opening
            + (images if "{image}" in text else ""),
            "python": head + PYTHON[view].replace("{OPTIONS}", options),
        }
        for view, text in COMMANDS.items()
    }


def _flags(keywords: Mapping[str, Any]) -> str:
    """Keywords as options of a command line."""
    parts = []
    for name, value in keywords.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parts += [flag] if value else []
        elif isinstance(value, tuple | list):
            parts += [flag, "x".join(map(str, value))]
        else:
            parts += [flag, shlex.quote(str(value))]
    return "".join(f" {part}" for part in parts)


def _literal(value: Any) -> str:
    """A value as Python source, text in double quotes where it can be."""
    if isinstance(value, str):
        plain = '"' not in value and "\\" not in value and value.isprintable()
        return f'"{value}"' if plain else repr(value)
    return repr(value)
