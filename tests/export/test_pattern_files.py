"""Patterns as files of every kind: whole, the same each time, read back with other readers."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from PIL import Image
from pypdf import PdfReader

from galleries import HOSTILE, gallery, mixed
from layersight.errors import OutputError, UsageError
from layersight.export import read_manifest, save
from layersight.export.files import ANIMATIONS, suffixes_of
from layersight.export.manifest import manifest_of
from layersight.nouns.patterns.noun import NOUN
from layersight.nouns.patterns.options import GalleryOptions
from layersight.nouns.patterns.parts import only
from layersight.nouns.patterns.result import Patterns
from layersight.version import __version__

SUFFIXES = [*suffixes_of(NOUN), ""]
"""Every suffix, and none for a folder."""


def rich(**known: Any) -> Patterns:
    """Everything at once, small."""
    given: dict[str, Any] = {"natural": True, "masks": True, "frames": 3, **known}
    return gallery({"conv": 3, "body/top": 2}, **given)


def write(result: Patterns, path: Path, **settings: Any) -> Path:
    """SVG holds one page, so the part of the result that has one."""
    if path.suffix == ".svg":
        result, settings = only(result, [0, 1, 2]), {"view": "grid", **settings}
    return save(result, path, **settings)


def everything(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_twice_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first, second = (write(rich(), tmp_path / f"{name}{suffix}") for name in ("one", "two"))
    if first.is_dir():
        assert everything(first) == everything(second) != {}
    else:
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_origin_is_read_back_whole(tmp_path: Path, suffix: str) -> None:
    made = rich(name=HOSTILE, source=HOSTILE, rewrites=(HOSTILE,))
    path = write(made, tmp_path / f"out{suffix}", columns=5)
    found = read_manifest(path)
    part = only(made, [0, 1, 2]) if suffix == ".svg" else made
    view = {"view": "grid"} if suffix == ".svg" else {}
    assert found == json.loads(json.dumps(manifest_of(part, GalleryOptions(columns=5, **view))))
    assert found["schema"] == 2
    assert found["layersight"] == __version__
    assert found["kind"] == "patterns"
    assert found["model"]["name"] == HOSTILE
    assert found["layers"][0] == {"name": "conv", "channels": "0-2", "dead": "1"}
    assert found["options"]["method"] == "robust"
    assert found["options"]["size"] == [12, 12]
    assert found["preprocessing"]["formula"] == "pixels / 255"
    assert found["picture"]["columns"] == 5
    assert found["natural_count"] == 8
    assert found["notes"] == ["a note"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("made", [mixed(), gallery(bands=1), gallery({"a": 1}, dead=(0,))])
def test_whatever_they_are_they_can_be_written(tmp_path: Path, suffix: str, made: Patterns) -> None:
    if suffix in ANIMATIONS:
        frames = np.stack([made.images, made.images])
        made = dataclasses.replace(made, frames=frames, frame_steps=(0, 7))
    assert save(made, tmp_path / f"out{suffix}", view="grid").exists()


def test_an_archive_holds_all_of_it(tmp_path: Path) -> None:
    made = rich(facets=2)
    with np.load(save(made, tmp_path / "x.npz"), allow_pickle=False) as found:
        for name in (
            *("images", "values", "activation", "start_activation", "robustness", "dead"),
            *("converged", "steps", "history", "natural", "percentile", "transparency", "frames"),
        ):
            array = getattr(made, name)
            assert found[name].dtype == array.dtype, name
            np.testing.assert_array_equal(found[name], array)
        assert found["images"].dtype == np.uint8
        assert found["values"].dtype == found["activation"].dtype == np.float32
        assert found["layer"].tolist() == list(made.layers)
        assert found["channel"].tolist() == list(made.channels)
        assert found["facet"].tolist() == [0, 1] * 5
        assert found["objective"][1] == "conv channel 0, facet 1"
        assert found["frame_steps"].tolist() == [0, 3, 7]
        assert len(found.files) == 19
        assert found["failed"].tolist() == made.failed.tolist()
    with np.load(save(gallery(), tmp_path / "y.npz")) as found:
        assert not {"natural", "percentile", "transparency", "frames"} & set(found.files)


def test_a_store_as_xarray_sees_it(tmp_path: Path) -> None:
    made = rich()
    path = save(made, tmp_path / "x.zarr")
    with xarray.open_zarr(path, consolidated=False) as found:
        assert found["images"].dims == ("pattern", "y", "x", "colour")
        assert found["images"].attrs["layer"] == list(made.layers)
        assert found["images"].attrs["objective"][4] == "body/top channel 1"
        assert found["frames"].dims == ("frame", "pattern", "y", "x", "colour")
        for name in ("images", "values", "history", "dead", "steps", "frames", "channel"):
            wanted = made.channels if name == "channel" else getattr(made, name)
            np.testing.assert_array_equal(found[name].to_numpy(), wanted)
        assert found.attrs["layersight"]["kind"] == "patterns"


def test_json_tells_every_number(tmp_path: Path) -> None:
    made = rich()
    found = json.loads(save(made, tmp_path / "x.json").read_text("utf-8"))
    assert (found["dead"], found["natural_count"], found["frame_steps"]) == (1, 8, [0, 3, 7])
    assert found["options"]["steps"] == 7
    alive, dead = found["patterns"][2], found["patterns"][1]
    assert (alive["layer"], alive["channel"], alive["facet"]) == ("conv", 2, 0)
    assert alive["objective"]["words"] == "conv channel 2"
    assert alive["objective"]["terms"][0]["where"] == "mean"
    assert (alive["activation"], alive["start_activation"]) == (8.25, 1.03125)
    assert (alive["robustness"], alive["converged"], alive["dead"]) == (0.75, False, False)
    assert alive["natural"] == {"median": 2.0625, "percentile_99": 4.125, "greatest": 7.0}
    assert (alive["percentile"], alive["steps"], len(alive["history"])) == (100.0, 6, 6)
    assert (dead["dead"], dead["robustness"], dead["activation"]) == (True, None, 0.0)
    bare = json.loads(save(gallery(), tmp_path / "y.json").read_text("utf-8"))
    assert (bare["patterns"][0]["natural"], bare["patterns"][0]["percentile"]) == (None, None)
    total = json.loads(save(mixed(), tmp_path / "z.json").read_text("utf-8"))
    assert total["patterns"][1]["channel"] == -1


def test_a_pdf_has_text_links_and_an_outline(tmp_path: Path) -> None:
    made = gallery({"edges": 3, "parts": 12})
    document = PdfReader(io.BytesIO(save(made, tmp_path / "x.pdf").read_bytes()))
    assert [entry["/Title"] for entry in document.outline] == ["Overview", "edges", "parts"]
    told = "\n".join(page.extract_text() for page in document.pages)
    for part in (
        "What the network looks for",
        "edges",
        "parts",
        "8 of 12, see all",
        "3.25",
        "dead",
    ):
        assert part in told
    about = document.metadata
    assert about is not None
    assert about.title == "small: patterns"
    assert "Method robust" in (about.subject or "")
    leads = [
        document.get_page_number(link["/Dest"][0].get_object())
        for link in document.pages[0]["/Annots"]
    ]
    assert leads == [1, 1]


def test_a_png_says_what_it_is(tmp_path: Path) -> None:
    with Image.open(save(gallery(), tmp_path / "x.png")) as image:
        image.load()
        assert image.text["Title"] == "small: patterns"
        assert "conv, channels 0" in image.text["Description"]
        assert image.text["Software"] == f"layersight {__version__}"


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_holds_its_last_frame(tmp_path: Path, suffix: str) -> None:
    made = gallery({"conv": 2}, dead=(), frames=4, size=(32, 32))
    with Image.open(save(made, tmp_path / f"x{suffix}")) as image:
        assert (image.n_frames, image.info["loop"]) == (4, 0)
        times, frames = [], []
        for number in range(4):
            image.seek(number)
            image.load()
            times.append(image.info["duration"])
            frames.append(np.asarray(image.convert("RGB")))
    assert times == [120, 120, 120, 1800]
    for frame in frames:
        assert (frame[:8] == 255).all()  # white stays white whatever the colours
    assert not np.array_equal(frames[0], frames[-1])
    if suffix == ".webp":  # without loss: every pixel of the pattern is there
        assert made.frames is not None
        corner = made.frames[-1, 0, 0, 0]
        rows, columns = np.nonzero((frames[-1] == corner).all(-1))
        assert any(
            np.array_equal(frames[-1][y : y + 32 * zoom : zoom, x : x + 32 * zoom : zoom], wanted)
            for zoom in range(2, 9)
            for wanted in [made.frames[-1, 0]]
            for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
        )


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_needs_frames(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"this result has no frames: ask for them with --frames"):
        save(gallery(), tmp_path / f"x{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_what_a_folder_holds(tmp_path: Path) -> None:
    made = gallery({"conv": 3, "body/top": 2})
    folder = save(made, tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        *("sheet.pdf", "sheet.html", "patterns.json", "manifest.json"),
        *("00-conv.png", "00-conv-0000.png", "00-conv-0001-dead.png", "00-conv-0002.png"),
        *("01-body-top.png", "01-body-top-0000.png", "01-body-top-0001.png"),
    }
    with Image.open(folder / "00-conv-0002.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made.images[2])
    with Image.open(folder / "00-conv-0001-dead.png") as image:
        assert (np.asarray(image) == 128).all()
    told = read_manifest(folder / "00-conv-0002.png")["pattern"]
    assert (told["layer"], told["channel"], told["activation"]) == ("conv", 2, 8.25)
    assert "history" not in told
    assert read_manifest(folder / "01-body-top.png")["layers"] == [
        {"name": "body/top", "channels": "0-1", "dead": ""}
    ]


def test_files_of_facets_and_sums_do_not_overwrite_each_other(tmp_path: Path) -> None:
    facets = save(gallery({"conv": 2}, facets=2, dead=()), tmp_path / "facets")
    assert {path.name for path in facets.glob("00-conv-*.png")} == {
        f"00-conv-000{channel}-facet{facet}.png" for channel in (0, 1) for facet in (0, 1)
    }
    sums = save(mixed(), tmp_path / "sums")
    assert {path.name for path in sums.glob("00-conv-*.png")} == {
        *("00-conv-sum0000.png", "00-conv-sum0001.png", "00-conv-0003.png", "00-conv-0001.png"),
    }


@pytest.mark.parametrize(
    ("path", "settings", "words"),
    [
        ("x.bmp", {}, r"cannot write 'x.bmp': expected one of .pdf, .*\.gif, \.webp, .*\.zarr or"),
        ("x.png", {"colum": 4}, "unknown option 'colum': expected one of .*Did you mean columns"),
        ("x.png", {"normalise": "layer"}, "unknown option 'normalise'"),
        ("x.png", {"view": "channel"}, "unknown view 'channel': expected one of pattern, grid"),
        ("x.png", {"columns": 0}, "columns as a whole number of at least 1"),
        ("x.svg", {"view": "sheet"}, "SVG holds one page and this view has 2: choose one layer"),
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
        save(gallery({"a": 10, "b": 1}), path, **settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_that_layersight_did_not_write(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"other{suffix}"
    path.write_bytes(b"nothing")
    with pytest.raises(OutputError, match="no manifest in"):
        read_manifest(path)
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(OutputError, match="no manifest in"):
        read_manifest(path)
