"""Options as fields of dataclasses: what they are, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from layersight.data.fields import check, option, options_of, split_options
from layersight.errors import UsageError
from layersight.nouns.activations.options import PictureOptions
from layersight.web.requests import Download, parse


@dataclass(frozen=True, slots=True)
class Request:
    steps: int = option(64, help="Points on the way.", low=1, high=100)
    noise: float = option(0.5, help="Of the range.", low=0)
    shares: tuple[float, ...] = option((0.2, 0.4), help="Of pixels.", low=0, high=1, exclusive=True)
    colour: str = option("black", help="Of nothing.", choices=("black", "grey"))
    frame: int | None = option(None, help="Which.", low=0)

    def __post_init__(self):
        check(self)


@dataclass(frozen=True)
class Other:
    noise: float = 0.0
    size: int = 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "expected steps as a whole number from 1 to 100, found 0"),
        ({"steps": 2.5}, "expected steps as a whole number from 1 to 100, found 2.5"),
        ({"steps": True}, "expected steps as a whole number from 1 to 100, found True"),
        ({"steps": None}, "expected steps as a whole number from 1 to 100, found None"),
        ({"noise": -1}, "expected noise as a number of at least 0, found -1"),
        ({"noise": float("nan")}, "expected noise as a number of at least 0, found nan"),
        ({"noise": float("inf")}, "expected noise as a number of at least 0, found inf"),
        ({"noise": "much"}, "expected noise as a number of at least 0, found 'much'"),
        ({"shares": "half"}, "expected shares as numbers above 0 and below 1, found 'half'"),
        ({"shares": ()}, "expected shares as numbers above 0 and below 1, found none"),
        ({"shares": [0.5, 1.0]}, r"numbers above 0 and below 1, found \[0.5, 1.0\]"),
        ({"shares": 3}, "expected shares as numbers above 0 and below 1, found 3"),
        ({"colour": 3}, "expected colour as a word, found 3"),
        ({"colour": "grew"}, "unknown colour 'grew': expected one of black, grey. Did you mean"),
        ({"frame": -1}, "expected frame as a whole number of at least 0, found -1"),
    ],
)
def test_what_an_option_cannot_be_is_refused_in_one_line(given, message):
    with pytest.raises(UsageError, match=message) as caught:
        Request(**given)
    assert "\n" not in str(caught.value)


def test_values_become_plain_data():
    request = Request(steps=np.int64(3), noise=np.float32(0.5), shares=[0.5, np.float64(0.25)])
    assert (request.steps, request.noise, request.shares) == (3, 0.5, (0.5, 0.25))
    assert [type(value) for value in (request.steps, request.noise)] == [int, float]
    assert type(request.shares) is tuple
    assert Request(shares=0.5).shares == (0.5,)


def test_a_declaration_is_found_by_name():
    found = options_of(Request)
    assert list(found) == ["steps", "noise", "shares", "colour", "frame"]
    assert (found["steps"].name, found["steps"].help) == ("steps", "Points on the way.")
    assert (found["shares"].kind, found["shares"].several) == (float, True)
    assert (found["frame"].kind, found["frame"].default) == (int, None)
    assert options_of(Request()) == found


def test_keywords_are_sorted_by_the_dataclass_they_belong_to():
    given = {"steps": 3, "noise": 0.1, "size": None}
    assert split_options(given, Request, Other) == ({"steps": 3, "noise": 0.1}, {"noise": 0.1})
    with pytest.raises(UsageError, match=r"unknown option 'stepz': expected one of .*mean steps"):
        split_options({"stepz": 3}, Request, Other)
    with pytest.raises(UsageError, match="unknown option 'noise'"):
        split_options({"noise": 3}, Request, without=["noise"])


def test_names_and_words_may_be_spelled_the_american_way():
    given = {"normalize": "standardize", "center": 100, "colormap": "gray"}
    (own,) = split_options(given, PictureOptions)
    options = PictureOptions(**own)
    assert (options.normalise, options.centre, options.colormap) == ("standardise", 100, "grey")
    with pytest.raises(UsageError, match="'normalize' and 'normalise' are the same option"):
        split_options({"normalize": "minmax", "normalise": "layer"}, PictureOptions)
    asked = parse(Download, {"image": "0", "view": "layer", "format": "png", "normalize": "minmax"})
    assert asked.normalise == "minmax"
