"""A folder of activations: every picture, the numbers, the origin."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from layersight.export.atomic import write_bytes
from layersight.export.manifest import MANIFEST, manifest_of
from layersight.export.numbers import activations_to_json, dump_json
from layersight.export.pictures import safe_name, to_html, to_pdf, to_png
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, ChannelStatistics, LayerActivation


def write_folder(
    result: Activations,
    folder: Path,
    options: PictureOptions,
    extras: Mapping[str, bytes] | None = None,
) -> None:
    """A folder: the document, a picture of each layer, one of a channel's way, the numbers.

    Args:
        result: What to show.
        folder: An empty folder that is there.
        options: How pictures should look.
        extras: More files, by name.
    """
    write_bytes(folder / "sheet.pdf", to_pdf(result, dataclasses.replace(options, view="sheet")))
    write_bytes(folder / "sheet.html", to_html(result, options))
    grid = dataclasses.replace(options, view="grid")
    across = dataclasses.replace(options, view="across")
    for number, stem in enumerate(_stems(result)):
        for place, entry in enumerate(result.layers):
            alone = _only(result, number, place)
            name = f"{stem}{place:02d}-{safe_name(entry.name)}.png"
            write_bytes(folder / name, to_png(alone, grid))
        channel = alive_everywhere(result, number)
        if channel is not None:
            one = _channel(_only(result, number), channel)
            write_bytes(folder / f"{stem}across-channel-{channel}.png", to_png(one, across))
    write_bytes(folder / "statistics.json", dump_json(activations_to_json(result, options)))
    for name, content in (extras or {}).items():
        write_bytes(folder / name, content)
    write_bytes(folder / MANIFEST, dump_json(manifest_of(result, options)))


def _stems(result: Activations) -> list[str]:
    """What the names of each image's files begin with: nothing if there is one image."""
    if len(result.images) == 1:
        return [""]
    stems = [f"{safe_name(Path(image.name).stem)}-" for image in result.images]
    if len(set(stems)) == len(stems):
        return stems
    return [f"{number}-{stem}" for number, stem in enumerate(stems, 1)]


def alive_everywhere(result: Activations, image: int = 0) -> int | None:
    """The first channel number that is alive in every layer with maps, if there is one."""
    layers = [entry for entry in result.layers if entry.has_maps]
    alive = [
        {
            number
            for place, number in enumerate(entry.channels)
            if not entry.statistics.dead[image, place]
        }
        for entry in layers
    ]
    common = set.intersection(*alive) if alive else set()
    return min(common) if common else None


def _statistics(entry: LayerActivation, chosen: tuple[slice, slice]) -> ChannelStatistics:
    fields = dataclasses.fields(entry.statistics)
    return ChannelStatistics(
        **{field.name: getattr(entry.statistics, field.name)[chosen] for field in fields}
    )


def _channel(result: Activations, number: int) -> Activations:
    """The same result with one channel of each layer that has maps."""
    layers = []
    for entry in result.layers:
        if entry.has_maps:
            place = entry.channels.index(number)
            chosen = slice(place, place + 1)
            layers.append(
                dataclasses.replace(
                    entry,
                    values=entry.values[..., chosen],
                    channels=(number,),
                    statistics=_statistics(entry, (slice(None), chosen)),
                )
            )
    return dataclasses.replace(result, layers=tuple(layers))


def _only(result: Activations, image: int, place: int | None = None) -> Activations:
    """The result of one image, and of one layer if ``place`` says which."""
    chosen = slice(image, image + 1)
    layers = result.layers if place is None else (result.layers[place],)
    return Activations(
        model=result.model,
        images=result.images[chosen],
        layers=tuple(
            dataclasses.replace(
                entry,
                values=entry.values[chosen],
                statistics=_statistics(entry, (chosen, slice(None))),
            )
            for entry in layers
        ),
        predictions=result.predictions[chosen],
        notes=result.notes,
    )
