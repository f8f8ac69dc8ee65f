"""Kernels as files of every kind: whole, the same each time, read back with other readers."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from layersight.data.preprocessing import SCALES
from layersight.errors import UsageError
from layersight.export import read_manifest, save
from layersight.export.files import suffixes_of
from layersight.export.manifest import manifest_of
from layersight.nouns.kernels.noun import NOUN
from layersight.nouns.kernels.options import KernelOptions
from layersight.nouns.kernels.result import Kernels
from layersight.version import __version__
from weights import HOSTILE, everything, layer, weights

SUFFIXES = suffixes_of(NOUN)


def part(suffix: str, **known: Any) -> Kernels:
    """SVG holds one page, so a layer of it; else a layer of every kind."""
    if suffix == ".svg":
        return weights(layer((3, 3, 3, 10), "colour", zero=(2,), wrong=(5,)), **known)
    return everything(**known)


def test_every_suffix_of_pages_and_data_is_there() -> None:
    assert set(SUFFIXES) == {".pdf", ".png", ".svg", ".html", ".npz", ".json"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_twice_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = (save(part(suffix), tmp_path / f"{name}{suffix}") for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes() != b""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_origin_is_read_back_whole(tmp_path: Path, suffix: str) -> None:
    known = {"name": HOSTILE, "source": HOSTILE, "rewrites": (HOSTILE,)}
    made = part(suffix, **known, preprocessing=SCALES["caffe"])
    found = read_manifest(save(made, tmp_path / f"out{suffix}", columns=5))
    assert found == json.loads(json.dumps(manifest_of(made, KernelOptions(5))))
    assert (found["schema"], found["layersight"], found["kind"]) == (2, __version__, "kernels")
    assert found["model"]["name"] == HOSTILE
    assert found["layers"][0] == {
        "name": "colour", "filters": "0-9", "kernel": [3, 3, 3], "limit": 1.0, "zero": "2",
    }  # fmt: skip
    assert found["options"] == {"columns": 5, "order": "BGR"}
    assert found["notes"] == ["a note"]


def test_an_archive_holds_the_weights_as_they_are(tmp_path: Path) -> None:
    made = everything()
    with np.load(save(made, tmp_path / "x.npz"), allow_pickle=False) as found:
        assert len(found.files) == 4 * len(made)
        for entry in made:
            for name, array in (
                ("kernel", entry.values),
                ("factors", entry.factors),
                ("shares", entry.shares),
            ):
                read = found[f"{entry.name}/{name}"]
                assert read.dtype == np.float32
                np.testing.assert_array_equal(read, array)
            assert found[f"{entry.name}/filters"].tolist() == list(entry.filters)
        assert found["body/depthwise/kernel"].shape == (3, 3, 1, 9)


def test_json_tells_every_filter(tmp_path: Path) -> None:
    made = everything()
    found = json.loads(save(made, tmp_path / "x.json", columns=3).read_text("utf-8"))
    assert [entry["name"] for entry in found["layers"]] == [entry.name for entry in made]
    many = found["layers"][2]
    assert (many["type"], many["kernel"], many["largest"]) == ("Conv2D", [3, 3, 20], 1.0)
    assert many["zero"] == 1
    values = made.layers[2].values.astype(float)
    plain, zero, wrong = (many["filters"][place] for place in (1, 3, 4))
    assert plain["index"] == 1
    assert plain["norm"] == pytest.approx(np.sqrt((values[..., 1] ** 2).sum()))
    assert plain["largest"] == np.abs(values[..., 1]).max()
    assert plain["shares"] == made.layers[2].shares[1].tolist()
    sizes = np.sqrt((values[..., 1] ** 2).sum((0, 1)))
    order = sizes.argsort()[::-1][:3]
    assert [each["input"] for each in plain["strongest"]] == order.tolist()
    assert [each["norm"] for each in plain["strongest"]] == pytest.approx(sizes[order].tolist())
    assert (plain["zero"], plain["finite"]) == (False, True)
    assert (zero["zero"], zero["norm"], zero["strongest"]) == (True, 0.0, [])
    assert (wrong["finite"], wrong["norm"], wrong["shares"]) == (False, None, [])
    assert "NaN" not in (tmp_path / "x.json").read_text("utf-8")


def test_a_pdf_has_text_and_an_outline(tmp_path: Path) -> None:
    document = PdfReader(io.BytesIO(save(everything(), tmp_path / "x.pdf").read_bytes()))
    assert [entry["/Title"] for entry in document.outline] == [
        "colour", "body/depthwise", "many", "mix",
    ]  # fmt: skip
    told = "\n".join(page.extract_text() for page in document.pages)
    for words in ("strongest 16 of 20 inputs", "spatial patterns, share", "zero", "not a number"):
        assert words in told
    about = document.metadata
    assert about is not None
    assert about.title == "small: kernels"


def test_a_png_says_what_it_is(tmp_path: Path) -> None:
    with Image.open(save(everything(), tmp_path / "x.png")) as image:
        image.load()
        assert image.text["Title"] == "small: kernels"
        assert "scale \u00b11" in image.text["Description"]


def test_a_page_holds_every_layer_once(tmp_path: Path) -> None:
    made = everything(name=HOSTILE)
    text = save(made, tmp_path / "x.html").read_text("utf-8")
    assert "<b>&\u202e" not in text
    identities = re.findall(r' id="([^"]*)"', text)
    assert len(identities) == len(set(identities))
    assert text.count('<section class="layer') == len(made)
    assert "a note" in text
    assert text.count("mid grey is 0. One scale for the layer, ±1.") >= 1
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []


@pytest.mark.parametrize(
    ("path", "settings", "words"),
    [
        ("x.bmp", {}, r"cannot write 'x.bmp': expected one of .pdf, .*\.json\."),
        ("x.zarr", {}, r"cannot write 'x.zarr': expected one of .pdf, .*\.json\."),
        ("folder", {}, r"cannot write 'folder': expected one of .pdf, .*\.json\."),
        ("x.png", {"colum": 4}, "unknown option 'colum': expected one of .*Did you mean columns"),
        ("x.png", {"view": "grid"}, "unknown option 'view'"),
        ("x.png", {"columns": 0}, "columns as a whole number of at least 1"),
        ("x.svg", {}, r"SVG holds one page and this view has \d+: choose one layer"),
    ],
)
def test_wrong_requests(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    settings: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words):
        save(weights(layer((3, 3, 40, 60))), path, **settings)
    assert list(tmp_path.iterdir()) == []
