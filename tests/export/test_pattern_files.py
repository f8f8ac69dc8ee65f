"""Patterns as files of every kind: whole, the same each time, read back with other readers."""

import json

import numpy as np
import pytest
import xarray
from PIL import Image

from export.made import rich_patterns
from galleries import gallery, mixed
from layersight.errors import OutputError, UsageError
from layersight.export import read_manifest, save
from layersight.export.files import ANIMATIONS


def test_an_archive_holds_all_of_it(tmp_path):
    made = rich_patterns(facets=2)
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


def test_a_store_as_xarray_sees_it(tmp_path):
    made = rich_patterns()
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


def test_json_tells_every_number(tmp_path):
    made = rich_patterns()
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


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_holds_its_last_frame(tmp_path, suffix):
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
def test_an_animation_needs_frames(tmp_path, suffix):
    with pytest.raises(UsageError, match=r"this result has no frames: ask for them with --frames"):
        save(gallery(), tmp_path / f"x{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_what_a_folder_holds(tmp_path):
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


def test_files_of_facets_and_sums_do_not_overwrite_each_other(tmp_path):
    facets = save(gallery({"conv": 2}, facets=2, dead=()), tmp_path / "facets")
    assert {path.name for path in facets.glob("00-conv-*.png")} == {
        f"00-conv-000{channel}-facet{facet}.png" for channel in (0, 1) for facet in (0, 1)
    }
    sums = save(mixed(), tmp_path / "sums")
    assert {path.name for path in sums.glob("00-conv-*.png")} == {
        *("00-conv-sum0000.png", "00-conv-sum0001.png", "00-conv-0003.png", "00-conv-0001.png"),
    }


@pytest.mark.parametrize("suffix", ANIMATIONS)
def test_an_animation_that_layersight_did_not_write(tmp_path, suffix):
    path = tmp_path / f"other{suffix}"
    path.write_bytes(b"nothing")
    with pytest.raises(OutputError, match="no manifest in"):
        read_manifest(path)
    Image.new("RGB", (4, 4)).save(path)
    with pytest.raises(OutputError, match="no manifest in"):
        read_manifest(path)
