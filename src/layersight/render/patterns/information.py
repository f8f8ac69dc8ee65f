"""What a file with pictures of patterns says of itself."""

from __future__ import annotations

from layersight.document.words import count, plural, ranges
from layersight.nouns.patterns.parts import by_layer
from layersight.nouns.patterns.result import Patterns
from layersight.nouns.patterns.wording import FAILED, captions
from layersight.writers.page import Information


def information(result: Patterns, manifest: str = "{}") -> Information:
    """What a file with these pictures says of itself."""
    layers = "; ".join(
        f"{group.name}, channels {ranges(numbers)}"
        for group in by_layer(result)[:12]
        for numbers in [sorted({result.channels[place] for place in group.places})]
    )
    dead = f"{count(int(result.dead.sum()))} of {plural(len(result), 'pattern')} dead"
    if failed := int(result.failed.sum()):
        dead += f", {count(failed)} failed: {FAILED}"
    caption = f"Patterns of {layers}. {dead}. " + " ".join(captions(result))
    return Information(f"{result.model.name}: patterns", caption, manifest)
