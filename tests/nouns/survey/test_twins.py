"""Channels that correlate: in a layer, in two layers, in two models; and several inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import layersight
from fake_network import Fake
from layersight.data.model import InputInfo
from layersight.document.noun import Plain
from layersight.errors import ModelInputError, SelectionError, UsageError
from layersight.export.files import json_of, to_bytes
from layersight.nouns.survey import plan
from layersight.nouns.survey.document import PageOptions
from surveys import PICTURES, order_of, same, stored

Chain = Callable[..., Fake]


def means_of(model: Fake, layer: str, pictures: np.ndarray = PICTURES) -> np.ndarray:
    """The mean of each channel's map, (image, channel)."""
    maps = stored(model, layer, pictures)
    return maps.reshape(len(maps), -1, maps.shape[-1]).mean(1)


def correlations_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson's correlation of columns, -2 where one is constant."""
    with np.errstate(invalid="ignore"):
        values = np.corrcoef(first.T, second.T)[: first.shape[1], first.shape[1] :]
    return np.where(np.isnan(values), -2, values)


def check_strongest(channels: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> None:
    """The values are the greatest of the wanted ones, channel by channel."""
    length = values.shape[1]
    best = -np.sort(-wanted, 1)[:, :length]
    np.testing.assert_allclose(np.where(np.isnan(values), -2, values), best, atol=1e-4, rtol=0)
    chosen = np.take_along_axis(wanted, np.maximum(channels, 0), 1)
    np.testing.assert_allclose(np.where(channels < 0, -2, chosen), best, atol=1e-4, rtol=0)


def test_channels_of_a_layer_and_of_two_layers(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path
) -> None:
    options = {"layers": ["stem", "body"], "correlate": True, "twins": "stem:body"}
    result = layersight.survey(chain(), photos, **options)
    stem, body = (means_of(chain(), name) for name in ("stem", "body"))
    within = correlations_between(stem, stem)
    np.fill_diagonal(within, -2)
    entry = result["stem"]
    check_strongest(entry.neighbours, entry.correlations, within)
    (twins,) = result.twins
    check_strongest(twins.channels, twins.correlations, correlations_between(stem, body))
    for shard, workers in ((8, 3), (40, 1)):
        more = {"shard": shard, "workers": workers, "folder": tmp_path, **options}
        same(result, layersight.survey(chain(), photos, **more))
    layersight.save(result, tmp_path / "out")
    same(result, layersight.read_survey(tmp_path / "out"))
    for wrong, words in (("stem", "two layers as FIRST:SECOND"), ("stem:to", "Did you mean top")):
        with pytest.raises(SelectionError, match=words):
            layersight.survey(chain(), photos, twins=wrong)


def other_network() -> Fake:
    """Takes pictures half as large; a normalisation and an activation stand after a layer."""
    kernel = np.random.default_rng(7).normal(size=(3, 6))
    return Fake(
        {
            "first": ("Conv2D", lambda picture: picture @ kernel),
            "norm": ("BatchNormalization", lambda first: first - 0.2),
            "relu": ("ReLU", lambda norm: np.maximum(norm, 0)),
            "body": ("Conv2D", lambda relu: relu[:, ::2, ::2, :5] * 2, "relu"),
        },
        inputs=(InputInfo("picture", (None, 4, 4, 3)),),
        name="the other",
        digest="sha256:other",
    )


def test_twins_in_another_model(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path
) -> None:
    layers = {"layers": ["stem", "body"]}
    result = layersight.survey(
        chain(), photos, against=other_network(), twins="stem:first,body:body", **layers
    )
    assert [(pair.first, pair.second) for pair in result.twins] == [
        ("stem", "relu"),
        ("body", "body"),
    ]
    small = np.stack(
        [layersight.load_image(p, other_network()).pixels for p in sorted(photos.rglob("*.png"))]
    )
    order = order_of(photos)
    for pair in result.twins:
        first = means_of(chain(), pair.first, PICTURES[order])
        second = means_of(other_network(), pair.second, small)
        check_strongest(pair.channels, pair.correlations, correlations_between(first, second))
    options = {"against": other_network(), "twins": "stem:first,body:body", **layers}
    for shard, workers in ((8, 3), (40, 1)):
        out = tmp_path / "out"
        same(
            result,
            layersight.survey(chain(), photos, shard=shard, workers=workers, folder=out, **options),
        )
    again = chain()
    same(result, layersight.survey(again, photos, shard=40, folder=tmp_path / "out", **options))
    assert len(again.passes) == 1  # the units alone
    alone = layersight.survey(chain(), photos, **layers)
    for name in alone:
        np.testing.assert_array_equal(alone[name].mean, result[name].mean)


def test_twins_are_written_shown_and_read_back(chain: Chain, photos: Path, tmp_path: Path) -> None:
    made = layersight.survey(chain(), photos, against=other_network())
    layersight.save(made, tmp_path / "out")
    result = layersight.read_survey(tmp_path / "out")
    same(made, result)
    assert result.other is not None
    assert (result.other.name, result.other.digest) == ("the other", "sha256:other")
    # The models have different numbers of layers, so that names count: body alone.
    assert [(pair.first, pair.second) for pair in result.twins] == [("body", "body")]
    page = to_bytes(result, ".html", PageOptions()).decode()
    assert "of the other" in page
    best = result.twins[0].correlations[:, 0]
    number = int(np.nanargmax(best))
    assert f"r {best[number]:.2f}" in page
    unit = layersight.channel(chain(), f"body:{number}", survey=result, pattern=False)
    twins = json_of(unit, Plain())["twins"]
    assert twins[0] == {
        "model": "the other",
        "layer": "body",
        "channel": int(result.twins[0].channels[number, 0]),
        "correlation": float(best[number]),
    }
    page = to_bytes(unit, ".html", Plain()).decode()
    assert "Channels of the other that go with it" in page


def test_layers_at_the_same_position_are_twins(
    chain: Chain, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Fake(
        {
            "a": ("Conv2D", lambda picture: picture, "relu"),
            "b": ("Conv2D", lambda a: a[..., :2], "relu"),
            "c": ("Dense", lambda b: b.mean((1, 2))),
        },
        inputs=(InputInfo("picture", (None, 8, 8, 3)),),
    )
    result = layersight.survey(chain(), photos, against=other, layers=["stem", "top"])
    assert [(pair.first, pair.second) for pair in result.twins] == [("stem", "a"), ("top", "c")]
    with pytest.raises(SelectionError, match="no layer of 'fake' has the name or the position"):
        layersight.survey(chain(), photos, against=other, layers="pool")
    for text in ("stem:*,top:pool", "top:pool,stem:*"):  # a glob does not narrow other pairs
        result = layersight.survey(chain(), photos, against=chain(), twins=text)
        assert ("top", "pool") in [(pair.first, pair.second) for pair in result.twins]
    with pytest.raises(SelectionError, match="no layer 'd'"):
        layersight.survey(chain(), photos, against=other, twins="stem:d")
    result = layersight.survey(
        chain(), photos, against=other, twins="stem:*,top:c", layers=["stem", "top"]
    )
    pairs = [("stem", "a"), ("stem", "b"), ("stem", "c"), ("top", "c")]
    assert [(pair.first, pair.second) for pair in result.twins] == pairs
    twins = result.twins_of("stem", 0)
    assert [value for _, _, value in twins] == sorted((pair[2] for pair in twins), reverse=True)
    monkeypatch.setattr(plan, "MOST_PAIRS", 10)
    with pytest.raises(UsageError, match="from 49 pairs of channels, more than 10"):
        layersight.survey(chain(), photos, against=other, twins="*:*", layers=["stem", "top"])


def two_inputs(*more: InputInfo) -> Fake:
    """A network that adds a second input to a picture."""
    inputs = (InputInfo("picture", (None, 8, 8, 3)), *more)
    return Fake(
        {
            "both": (
                "Conv2D",
                lambda picture, more: picture + more.mean((1, 2, 3))[:, None, None, None],
            )
            if len(more[0].shape) == 4
            else ("Conv2D", lambda picture, more: picture + more[:, None, None, :3]),
        },
        inputs=inputs,
    )


def test_other_inputs_get_the_same_with_every_image(photos: Path, tmp_path: Path) -> None:
    model = two_inputs(InputInfo("more", (None, 3)))
    constant = np.array([1, 2, 3], np.float32)
    result = layersight.survey(model, photos, fixed={"more": constant})
    wanted = PICTURES.reshape(-1, 3).mean(0) / 255 + constant
    np.testing.assert_allclose(result["both"].mean, wanted, rtol=1e-5)
    assert result.settings["fixed"] == {"more": [1.0, 2.0, 3.0]}
    drawn = layersight.survey(model, photos, seed=4)
    assert "input 'more': seed-4; drawn from a normal distribution" in drawn.notes[0]
    layersight.save(result, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]["fixed"]
    with pytest.raises(ModelInputError, match="the model is given the same for all"):
        layersight.survey(model, photos, fixed={"more": constant, "picture": PICTURES[0]})
    with pytest.raises(ModelInputError, match=r"no input 'mor'.*Did you mean more"):
        layersight.survey(model, photos, fixed={"mor": constant})


def test_of_several_pictures_all_but_one_are_fixed(photos: Path) -> None:
    model = two_inputs(InputInfo("more", (None, 8, 8, 3)))
    line = r"takes 2 at once \(picture, more\): say what goes to each but one .* --input NAME=FILE"
    with pytest.raises(ModelInputError, match=line):
        layersight.survey(model, photos)
    second = photos / "odd" / "001.png"
    result = layersight.survey(model, photos, fixed={"more": second})
    wanted = PICTURES.reshape(-1, 3).mean(0) / 255 + PICTURES[1].mean() / 255
    np.testing.assert_allclose(result["both"].mean, wanted, rtol=1e-5)
    with pytest.raises(ModelInputError, match="expected one file or array for input 'more'"):
        layersight.survey(model, photos, fixed={"more": photos})
