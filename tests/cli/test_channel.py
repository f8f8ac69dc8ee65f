"""The commands that look at one channel, or use what a survey knows."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.one_backend


@pytest.fixture
def surveyed(run, here, small):
    """A folder of twelve photographs, surveyed into ``out``."""
    draw = np.random.default_rng(0)
    folder = here / "pictures"
    for number in range(12):
        place = folder / ("b" if number % 2 else "a") / f"{number:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(place)
    done = run("survey", small, folder, "-o", "out", "--quiet")
    assert done.status == 0, done.err
    return folder


def test_a_channel_with_its_pattern_among_the_images(run, small, surveyed):
    over = surveyed / "a" / "00.png"
    done = run(
        *("channel", small, "conv_1:2", "--survey", "out", "--over", over, "--steps", "12"),
        *("-o", "page.html"),
    )
    assert done.status == 0, done.err
    text = " ".join(done.rows)
    for part in ("conv_1, channel 2", "over 12 images", "fires for", "this image", "b/", "wrote"):
        assert part in text, part
    page = Path("page.html").read_text("utf-8")
    assert "pattern of conv_1, channel 2" in page
    assert "data:image/webp" in page
    told = run("channel", small, "conv_1:2", "--survey", "out", "--steps", "12", "--json")
    found = json.loads(told.out)
    assert found["pattern"]["activation"] <= found["pattern"]["peak"]
    assert 0 <= found["pattern"]["images_below"] <= 1


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("conv_1:2",), "name the folder of a survey", 2),
        (("conv_1:2", "--survey", "nowhere"), "no survey in nowhere", 1),
        (("conv_1:99", "--survey", "out", "--no-pattern"), "99", 1),
        (("conv_1", "--survey", "out"), "expected LAYER:CHANNEL", 2),
    ],
)
def test_what_is_wrong_is_one_line(run, small, surveyed, arguments, words, status):
    done = run("channel", small, *arguments)
    assert words in done.line
    assert done.status == status


def test_patterns_stand_among_the_images_of_a_survey(run, small, surveyed):
    command = ("patterns", small, "-l", "conv_1:0:2", "--steps", "4", "--size", "16")
    done = run(*command, "--survey", "out", "-o", "patterns.html")
    assert done.status == 0, done.err
    assert "12 natural images" in Path("patterns.html").read_text("utf-8")
    told = json.loads(run(*command, "--survey", "out", "--json", "-o", "-").out)
    assert told["natural_count"] == 12
    by_images = json.loads(run(*command, "--images", surveyed, "--json", "-o", "-").out)
    for one, other in zip(told["patterns"], by_images["patterns"], strict=True):
        assert one["activation"] == other["activation"]
    assert "found both" in run(*command, "--survey", "out", "--images", surveyed).line
