"""Fragments are parsed, pictures decoded, refusals read."""

from __future__ import annotations

import base64
import io
import re
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from layersight.data.image import InputImage
from layersight.data.model import InputInfo, LayerInfo, ModelInfo
from layersight.data.preprocessing import SCALES
from layersight.document.colour import palette
from layersight.errors import UsageError
from layersight.notebook import fragments, plot, to_html, to_png
from layersight.nouns.activations.options import PictureOptions
from layersight.nouns.activations.result import Activations, ChannelStatistics, LayerActivation
from layersight.nouns.activations.tiles import make_tiles

HOSTILE = "</style><img src=x onerror=alert(1)>"


def entry_of(name: str, values: np.ndarray) -> LayerActivation:
    axes = tuple(range(1, values.ndim - 1))
    low, high = values.min(axis=axes), values.max(axis=axes)
    stats = ChannelStatistics(
        values.mean(axis=axes),
        values.std(axis=axes),
        low,
        high,
        (values == 0).mean(axis=axes).astype(np.float32),
        (low == high) & (values.ndim > 2),
        np.isfinite(values).all(axis=axes),
    )
    info = LayerInfo(name, "Conv2D", (None, *values.shape[1:]), 10, receptive_field=(3, 3))
    return LayerActivation(info, values, tuple(range(values.shape[-1])), stats)


def image_of(channels: int = 3, name: str = "dog$1$.jpg") -> InputImage:
    pixels = np.arange(6 * 5 * channels, dtype=np.uint8).reshape(6, 5, channels)
    scale = SCALES["0..1"]
    return InputImage(name, None, (50, 60), pixels, scale.apply(pixels), scale, (HOSTILE,))


def result_of(names: list[str], images: int = 1) -> Activations:
    layers = []
    for seed, name in enumerate(names):
        values = np.random.default_rng(seed).random((images, 9, 7, 14), np.float32)
        values[..., 4] = 2.5
        layers.append(entry_of(name, values))
    layers.append(entry_of("dense", np.arange(3 * images, dtype=np.float32).reshape(images, 3)))
    model = ModelInfo(
        HOSTILE,
        "net.h5",
        "sha256:" + "ab" * 32,
        "keras",
        (InputInfo("input", (None, 6, 5, 3), preprocessing=SCALES["caffe"]),),
        ("dense",),
        tuple(entry.layer for entry in layers),
        123,
        rewrites=("dropped something",),
    )
    return Activations(model, tuple(image_of() for _ in range(images)), tuple(layers))


class Fragment(HTMLParser):
    """Collects the elements and the text, checks that they nest and run nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def pixels(self) -> list[np.ndarray]:
        found = [attrs["src"].partition(",")[2] for tag, attrs in self.seen if tag == "img"]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_activations_show_their_first_maps_exactly() -> None:
    result = result_of([HOSTILE])
    fragment = Fragment(result._repr_html_())
    told = " ".join(fragment.words)
    assert HOSTILE in told
    assert "1 of 14" in told
    assert "dead 2.5" in fragment.words
    assert "Maps are shown" not in told
    seen, sheet, cells = fragment.pixels()
    np.testing.assert_array_equal(seen, result.images[0].pixels)
    tiles = make_tiles(result.layers[0], 0, PictureOptions())
    colours = palette("viridis")
    assert (sheet.shape[0] % 2, sheet.shape[1] % 12) == (0, 0)
    tall, wide = sheet.shape[0] // 2, sheet.shape[1] // 12
    for place in range(14):
        y, x = place // 12 * tall, place % 12 * wide
        shown = sheet[y : y + 9, x : x + 7, :3]
        if place == 4:
            assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 1
        else:
            np.testing.assert_array_equal(shown, colours[tiles.pixels[place]])
    assert not sheet[tall:, 2 * wide :].any()
    assert cells.shape[:2] == (1, 3)
    titles = [attrs["title"] for tag, attrs in fragment.seen if "title" in attrs]
    assert len(titles) == 14
    assert titles[4] == f"{HOSTILE}, channel 4, 9 x 7: dead for this image, constant 2.5"


def test_what_is_left_out_is_said() -> None:
    result = result_of([f"conv{place}" for place in range(8)], images=2)
    fragment = Fragment(to_html(result))
    told = " ".join(fragment.words)
    assert "the first 6 of 9 layers and the first of 2 images" in told
    assert sum(tag == "details" for tag, _ in fragment.seen) == fragments.LAYERS_SHOWN
    assert sum(tag == "tr" for tag, _ in fragment.seen) == 1 + 9
    assert to_png(result) is None


def test_large_maps_are_thinned_and_it_is_said() -> None:
    result = result_of([])
    values = np.random.default_rng(0).random((1, 200, 200, 2), np.float32)
    result = Activations(result.model, result.images, (entry_of("large", values),))
    fragment = Fragment(to_html(result))
    assert "one pixel of 3 x 3 is shown" in " ".join(fragment.words)
    tiles = make_tiles(result.layers[0], 0, PictureOptions())
    sheet = fragment.pixels()[1]
    np.testing.assert_array_equal(
        sheet[:67, :67, :3], palette("viridis")[tiles.pixels[0, ::3, ::3]]
    )


def test_rows_of_one_axis() -> None:
    values = np.random.default_rng(0).random((1, 30, 4), np.float32)
    base = result_of([])
    fragment = Fragment(to_html(Activations(base.model, base.images, (entry_of("r", values),))))
    titles = [attrs["title"] for _, attrs in fragment.seen if "title" in attrs]
    assert [title.split(":")[0] for title in titles] == [f"r, channel {n}, 30" for n in range(4)]


def test_places_without_a_slice_are_empty() -> None:
    values = np.random.default_rng(0).random((1, 3, 6, 5, 1), np.float32)
    base = result_of([])
    made = to_html(Activations(base.model, base.images, (entry_of("v", values),)))
    sheet = Fragment(made).pixels()[1]
    tiles = make_tiles(entry_of("v", values), 0, PictureOptions()).pixels[0]
    np.testing.assert_array_equal(sheet[:6, :10, :3], palette("viridis")[tiles[:6]])
    assert not sheet[6:, 5:].any()
    assert sheet[6:12, :5, 3].all()


def test_nothing_to_show() -> None:
    base = result_of([])
    Fragment(to_html(Activations(base.model, (), ())))
    Fragment(to_html(Activations(base.model, base.images, ())))


def test_a_model_is_a_table() -> None:
    result = result_of([HOSTILE]).model
    fragment = Fragment(result._repr_html_())
    told = " ".join(fragment.words)
    for words in (HOSTILE, "9 x 7 x 14", "BGR pixels", "dropped something", "6 x 5 x 3"):
        assert words in told
    assert result._repr_png_() is None
    with pytest.raises(UsageError, match=r"is a table and not a picture.*activations"):
        result.plot()


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_shows_its_pixels_and_steps(channels: int) -> None:
    result = image_of(channels)
    fragment = Fragment(result._repr_html_())
    assert HOSTILE in fragment.words
    expected = result.pixels if channels == 3 else result.pixels[:, :, 0]
    np.testing.assert_array_equal(fragment.pixels()[0], expected)
    png = result._repr_png_()
    assert png is not None
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_plotted(channels: int) -> None:
    figure = image_of(channels).plot()
    (axes,) = figure.axes
    assert axes.get_title().startswith("dog$1$.jpg\n5 x 6")
    figure.savefig(io.BytesIO(), format="png")
    with pytest.raises(UsageError, match="without options, found columns"):
        image_of().plot(columns=3)


def test_activations_are_plotted_by_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    stand_in = types.ModuleType("layersight.render.figure")
    stand_in.plot = lambda result, **options: calls.append((result, options)) or "figure"
    monkeypatch.setitem(sys.modules, "layersight.render.figure", stand_in)
    result = result_of([])
    assert result.plot(columns=3) == "figure"
    assert calls == [(result, {"columns": 3})]


def test_anything_else() -> None:
    assert to_html("<b>") == "<pre>&#x27;&lt;b&gt;&#x27;</pre>"
    assert to_png(3) is None
    with pytest.raises(UsageError, match="a int cannot be plotted"):
        plot(3)


def test_styles_are_scoped() -> None:
    style = re.search(r"<style>(.*?)</style>", to_html(image_of()), re.DOTALL)[1]
    rules = [line for line in style.strip().splitlines() if "{" in line]
    assert rules
    assert all(rule.startswith(".layersight") for rule in rules)
