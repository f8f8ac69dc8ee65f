"""Which channels are shown where none are named, and the note on the others."""

from __future__ import annotations

import pytest

from described import described
from layersight.data.model import InputInfo, ModelInfo
from layersight.nouns.patterns.objectives import make_objectives

LAYERS = {"stem": 8, "body": 128, "top": 64}


def made(layers, channels=None):
    """The channels of each layer, and the notes."""
    known = [described(name, "Conv2D", (None, 9, 9, LAYERS[name])) for name in LAYERS]
    entry = InputInfo("picture", (None, 9, 9, 3))
    info = ModelInfo("net", "a test", "sha256:0", "none", (entry,), ("top",), tuple(known), 0)
    objectives, notes = make_objectives(info, layers, channels, "channel", 1)
    found = {}
    for one in objectives:
        found.setdefault(one.layer, []).append(one.channel)
    return found, [note for note in notes if "channels" in note]


@pytest.mark.parametrize(
    ("layers", "each", "words"),
    [
        (["body"], 16, "the first 16 channels are shown, 16 of 128: for all, which take about 8 "),
        (["body", "top"], 8, "the first 8 channels of each layer are shown, 16 of 192"),
    ],
)
def test_the_first_channels_are_shared_by_the_layers(layers, each, words):
    found, (note,) = made(layers)
    assert found == {name: list(range(each)) for name in layers}
    assert note.startswith(words)
    assert "--channels all" in note


@pytest.mark.parametrize("channels", ["all", ":", "0:128", range(128)])
def test_all_channels_without_a_note(channels):
    found, notes = made(["body"], channels)
    assert found == {"body": list(range(128))}
    assert notes == []


def test_channels_that_were_named_are_all_shown():
    found, _ = made(["body:0:40", "top"])
    assert {name: len(numbers) for name, numbers in found.items()} == {"body": 40, "top": 16}
    assert made(["stem"]) == ({"stem": list(range(8))}, [])
