"""What a file with pictures of heatmaps says of itself."""

from __future__ import annotations

from layersight.document.words import brief, count
from layersight.nouns.heatmaps.groups import by_image
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.result import Heatmaps
from layersight.nouns.heatmaps.wording import (
    captions,
    facts,
    method_title,
    target_name,
    warnings_of,
)
from layersight.writers.page import Information


def information(result: Heatmaps, options: HeatOptions, manifest: str = "{}") -> Information:
    """What a file with these pictures says of itself."""
    told = []
    for entry in result.maps[:12]:
        words = [method_title(result, entry), facts(result, entry, options)]
        image = brief(result.images[entry.image].name)
        told.append(f"{image}: {target_name(result, entry)}, {', '.join(words)}")
    if len(result) > 12:
        told.append(f"and {count(len(result) - 12)} more")
    warned = warnings_of(result, result.maps)
    caption = " ".join([f"Heatmaps: {'; '.join(told)}.", *warned, *captions(result, options)])
    names = ", ".join(brief(group.name) for group in by_image(result)[:4])
    return Information(f"{result.model.name}: heatmaps of {names}", caption, manifest)
