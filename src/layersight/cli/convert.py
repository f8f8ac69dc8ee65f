"""``layersight convert``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layersight.data.command import Arguments, Command, Debug, Output, Source
from layersight.data.fields import Options, option

if TYPE_CHECKING:
    from layersight.export.converting import Conversion


@dataclass(frozen=True, slots=True)
class Target(Options):
    new: str = option("", help="The .keras file to write.", flag="NEW")


def run(arguments: Arguments) -> None:
    """Opens and saves a model, and prints what was changed."""
    from layersight.cli.opening import open_model
    from layersight.cli.output import say
    from layersight.export.converting import check_target, convert

    as_json, quiet = arguments.pop("json", False), arguments.pop("quiet", False)
    path = Path(arguments.pop("new"))
    check_target(arguments["model"], path)
    conversion = convert(open_model(**arguments), path)
    if as_json:
        say(json.dumps(conversion.to_json(), ensure_ascii=False, indent=1))
    elif not quiet:
        say(describe(conversion))


def describe(conversion: Conversion) -> str:
    lines = [f"from     {conversion.model.source}"]
    lines += [f"rewrite  {text}" for text in conversion.model.rewrites]
    lines += [f"replaced {text}" for text in conversion.replaced]
    lines += [f"kept     {text}" for text in conversion.kept]
    return "\n".join([*lines, f"wrote {conversion.path}"])


COMMAND = Command(
    example="layersight convert old.h5 new.keras",
    options=(Source, Target, Output, Debug),
    run="layersight.cli.convert:run",
)
