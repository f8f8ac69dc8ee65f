"""What layers and channels mean as objectives, and what is said of those that are left out."""

from __future__ import annotations

import numpy as np
import pytest

from layersight.data.model import InputInfo
from layersight.errors import SelectionError, UsageError
from layersight.nouns.patterns.asking import ask
from layersight.nouns.patterns.compute import _notes, _with_size
from layersight.nouns.patterns.methods.method import find_method


def test_a_layer_without_channels_is_told_apart_from_one_without_those_asked_for(network):
    info = network(
        {
            "wide": ("Conv2D", lambda picture: picture.repeat(3, -1)),
            "narrow": ("Conv2D", lambda picture: picture),
            "bare": ("Lambda", lambda picture: picture.sum((1, 2, 3))),
        }
    ).info
    found, notes = ask(info, ["wide", "narrow", "bare"], 7, "channel", 1)
    assert [(one.layer, one.channel) for one in found] == [("wide", 7)]
    assert notes == (
        "without channels, so not shown: bare",
        "without the channels asked for, so not shown: narrow",
    )
    assert ask(info, ["narrow", "bare"], None, "channel", 1)[1] == notes[:1]
    with pytest.raises(SelectionError, match="'bare' has no channels"):
        ask(info, "bare", None, "channel", 1)


@pytest.mark.parametrize(("bands", "said"), [(1, 0), (2, 0), (3, 0), (5, 1)])
def test_bands_that_are_not_shown_are_said(fake, bands, said):
    entry = InputInfo("picture", (None, 6, 5, bands))
    notes = _notes(fake(inputs=(entry,)).info, entry, find_method("robust"), ())
    assert len([note for note in notes if "the first 3 are shown" in note]) == said


@pytest.mark.parametrize("size", [None, 150, [150, 150], np.int64(150)])
def test_a_start_may_say_its_size_again(size):
    start = np.zeros((150, 150, 3), np.float32)
    assert _with_size({"size": size}, start)["size"] == (150, 150)
    with pytest.raises(UsageError, match=r"the start has the size \(150, 150\), size= asks for 96"):
        _with_size({"size": 96}, start)
