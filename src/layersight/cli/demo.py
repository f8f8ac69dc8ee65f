"""``layersight demo``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layersight.data.command import Arguments, Backend, Command, Debug
from layersight.data.fields import Options, option

if TYPE_CHECKING:
    from layersight.demo import Demo


@dataclass(frozen=True, slots=True)
class Folder(Options):
    output: str = option(
        "layersight-demo", help="The folder to write.", metavar="DIR", flag="--output -o"
    )


def run(arguments: Arguments) -> None:
    """Writes the demonstration and prints what to look at."""
    from layersight.cli.output import say
    from layersight.demo import make_demo
    from layersight.loading.backend import import_keras

    quiet, backend = arguments.get("quiet", False), arguments.get("backend")

    def print_step(text: str) -> None:
        if not quiet:
            print(f"layersight: {text}", file=sys.stderr)

    import_keras(backend)
    demo = make_demo(
        Path(arguments.get("output", "layersight-demo")), backend=backend, say=print_step
    )
    if not quiet:
        say(describe(demo))


def describe(demo: Demo) -> str:
    """What to look at, in the order in which to look."""
    from layersight.demo import HEAT, LABELS, MODEL, PATTERNS, PHOTOGRAPH, SOUGHT
    from layersight.document.words import percent, plural
    from layersight.nouns.activations.noun import alive_everywhere
    from layersight.nouns.heatmaps.photographs import describe_peak

    result, folder = demo.result, demo.folder
    maps = [entry for entry in result.layers if entry.has_maps]
    first, last = maps[0], maps[-1]
    channel = alive_everywhere(result)
    zeros = percent(first.sparsity())
    verdict = result.predictions[0][0].describe()
    lines = [
        f"The network says: {verdict}. What it saw on the way:",
        "",
        f"  {folder / 'sheet.html'}",
        f"      every one of the {result.map_count} maps; point at one for its numbers",
        f"  {folder / 'sheet.pdf'}",
        "      the same on paper; layer names on the cover are links",
        f"  {folder / f'00-{first.name}.png'}",
        f"      the first layer still sees a cat: edges, colours, {zeros} zeros",
        f"  {folder / f'{len(maps) - 1:02d}-{last.name}.png'}",
        f"      the last answers to few things only: {percent(last.sparsity())} zeros,"
        f" {last.dead()} of {len(last.channels)} channels dead for this image",
    ]
    if channel is not None:
        lines += [
            f"  {folder / f'across-channel-{channel}.png'}",
            f"      channel {channel} of every layer, one beside the other",
        ]
    peak = describe_peak(demo.heat, 0)
    alive = int((~demo.patterns.empty).sum())
    lines += [
        f"  {folder / HEAT}",
        f"      which pixels made it say {LABELS[0]}"
        + (f": the hottest pixel is x {peak.removeprefix('x ')}" if peak else ""),
        f"  {folder / PATTERNS}",
        f"      what {plural(alive, 'channel')} of {SOUGHT} look for, and how strongly they answer",
        f"  {folder / 'statistics.json'}",
        "      mean, deviation, least, greatest and zeros of every channel",
        "",
        "The network and the photograph are there too. Try these, then with files of your own:",
        "",
        f"  layersight summary {folder / MODEL}",
        f"  layersight activations {folder / MODEL} {folder / PHOTOGRAPH} --fit crop",
        f"  layersight heatmap {folder / MODEL} {folder / PHOTOGRAPH} --method occlusion",
        f"  layersight patterns {folder / MODEL} --layers conv2d_2 --channels 0:4",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Quiet(Options):
    quiet: bool = option(False, help="Say nothing but errors.", flag="--quiet -q")


COMMAND = Command(
    example="layersight demo --output layersight-demo",
    options=(Folder, Backend, Quiet, Debug),
    run="layersight.cli.demo:run",
)
