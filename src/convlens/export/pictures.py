"""Activations as pictures: pages go to the writer of their format."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from convlens.errors import UsageError
from convlens.export.atomic import write_bytes
from convlens.export.manifest import dump_manifest, manifest_of
from convlens.export.numbers import activations_to_json, dump_json
from convlens.render.options import PictureOptions
from convlens.render.page import Information, Page
from convlens.render.views import pages
from convlens.results import Activations, ChannelStatistics, LayerActivation

MANIFEST = "manifest.json"
"""The file that tells of a folder's origin, and by which it is known to be complete."""


def to_pdf(result: Activations, options: PictureOptions) -> bytes:
    """All pages of all images as one PDF."""
    from convlens.render.pdf import to_pdf as write

    return write(_all_pages(result, options, "paper"), information(result, options))


def to_png(result: Activations, options: PictureOptions) -> bytes:
    """All pages of all images, one below the other, as one PNG."""
    from convlens.render.png import to_png as write

    return write(_all_pages(result, options, "screen"), information(result, options))


def to_svg(result: Activations, options: PictureOptions) -> bytes:
    """One page as SVG.

    Raises:
        UsageError: There are several pages, which SVG cannot hold.
    """
    from convlens.render.svg import to_svg as write

    found = _all_pages(result, options, "paper")
    if len(found) > 1:
        raise UsageError(
            f"SVG holds one page and the view '{options.view}' of {len(result.layers)} layers "
            f"and {len(result.images)} images has {len(found)}: choose one layer with --layers "
            "or one channel with --channels, or write .pdf or .html"
        )
    return write(found[0], information(result, options)).encode()


def to_html(result: Activations, options: PictureOptions) -> bytes:
    """The whole document as one self-contained page."""
    from convlens.render.html import document

    return document(result, options, dump_manifest(manifest_of(result, options))).encode()


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


def information(result: Activations, options: PictureOptions) -> Information:
    """What a picture says of itself outside the picture."""
    layers = ", ".join(entry.name for entry in result.layers[:12])
    if len(result.layers) > 12:
        layers += f" and {len(result.layers) - 12} more"
    images = ", ".join(image.name for image in result.images[:4])
    caption = (
        f"Layers {layers}. {options.describe().capitalize()}. "
        f"Preprocessing: {result.images[0].preprocessing.describe()}. "
        f"Model {result.model.name}, {result.model.digest}. {result.model.framework}."
    )
    return Information(
        title=f"{result.model.name}: {images}",
        caption=caption,
        manifest=dump_manifest(manifest_of(result, options)),
    )


def safe_name(name: str) -> str:
    """A layer's name as part of a file name.

    >>> safe_name("mobilenet/conv 1")
    'mobilenet-conv_1'
    """
    return re.sub(r"[^\w.@-]", "_", name.replace("/", "-"))[:80] or "layer"


def _all_pages(result: Activations, options: PictureOptions, medium: str) -> list[Page]:
    found: list[Page] = []
    for image in range(len(result.images)):
        found += pages(result, options, image, medium)
    return found


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
