"""``layersight convert``."""

from __future__ import annotations

import json
from pathlib import Path

from layersight.cli.opening import Source, open_model
from layersight.cli.output import say
from layersight.export.converting import Conversion, check_target, convert


def run(source: Source, path: Path, *, as_json: bool, quiet: bool) -> None:
    """Opens, saves and says what it took."""
    check_target(source.model, path)
    made = convert(open_model(source), path)
    if as_json:
        say(json.dumps(made.to_json(), ensure_ascii=False, indent=1))
    elif not quiet:
        say(describe(made))


def describe(made: Conversion) -> str:
    """A conversion in words."""
    lines = [f"from     {made.model.source}"]
    lines += [f"rewrite  {text}" for text in made.model.rewrites]
    lines += [f"replaced {text}" for text in made.replaced]
    lines += [f"kept     {text}" for text in made.kept]
    return "\n".join([*lines, f"wrote {made.path}"])
