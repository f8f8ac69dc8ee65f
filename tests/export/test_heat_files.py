"""Heatmaps as files of every kind: whole, the same each time, read back with other readers."""

import dataclasses
import io
import json

import numpy as np
import pytest
import xarray
from PIL import Image
from pypdf import PdfReader

from export.made import rich_heats
from heats import WARNING, heats, picture
from layersight.data.placing import enlarge
from layersight.document.colour import blend
from layersight.errors import OutputError
from layersight.export import arrays, read_manifest, save
from layersight.nouns.heatmaps.options import HeatOptions
from layersight.nouns.heatmaps.photographs import place_on_photograph
from layersight.nouns.heatmaps.views import MapPictures


def test_an_archive_holds_all_of_it(tmp_path):
    made = rich_heats(fit="crop")
    with np.load(save(made, tmp_path / "x.npz"), allow_pickle=False) as found:
        heat = found["heatmap"]
        assert heat.shape == (8, 36, 54)
        assert heat.dtype == np.float32
        for index, entry in enumerate(made):
            np.testing.assert_array_equal(
                heat[index], place_on_photograph(entry, made.photographs[entry.image])
            )
        assert np.isnan(heat[:, :, 0]).all()  # cropped away
        assert np.isfinite(heat[:, :, 20:30]).all()
        np.testing.assert_array_equal(found["values"], [entry.values for entry in made])
        assert found["image"].tolist() == [0] * 4 + [1] * 4
        assert found["image_name"].tolist() == ["photo0.jpg"] * 4 + ["photo1.jpg"] * 4
        assert found["method"].tolist() == ["grad-cam", "occlusion"] * 4
        assert found["layer"].tolist() == ["conv_2", ""] * 4
        assert found["target"].tolist() == [3, 3, 1, 1] * 2
        assert found["target"].dtype == np.int64
        assert found["target_name"].tolist() == ["dog", "dog", "bee", "bee"] * 2
        np.testing.assert_allclose(found["score"], [0.8, 0.8, 0.4, 0.4] * 2)
        np.testing.assert_allclose(found["explained"], [8, 8, 4, 4] * 2)
        assert found["signed"].tolist() == [False, True] * 4
        assert found["empty"].tolist() == [False, False, True] + [False] * 5
        assert found["ground"].tolist() == [0.0] * 8
        assert len(found.files) == 13


def test_photographs_of_several_sizes_have_an_array_each(tmp_path):
    made = heats(photographs=[picture((30, 40)), picture((50, 20))], targets=2)
    with np.load(save(made, tmp_path / "x.npz")) as found:
        assert "heatmap" not in found.files
        shapes = [found[f"heatmap_{index:03d}"].shape for index in range(4)]
        assert shapes == [(30, 40), (30, 40), (50, 20), (50, 20)]
        np.testing.assert_array_equal(
            found["heatmap_003"], place_on_photograph(made.maps[3], made.photographs[1])
        )
    with xarray.open_zarr(save(made, tmp_path / "x.zarr"), consolidated=False) as store:
        assert "heatmap" not in store
        assert store["heatmap_002"].dims == ("heatmap_002_y", "heatmap_002_x")
        np.testing.assert_array_equal(
            store["heatmap_002"].to_numpy(), place_on_photograph(made.maps[2], made.photographs[1])
        )


def test_heat_in_an_archive_is_that_of_the_map_enlarged(tmp_path):
    made = heats(size=(48, 72), net=(24, 24))
    with np.load(save(made, tmp_path / "x.npz")) as found:
        np.testing.assert_allclose(
            found["heatmap"][0], enlarge(made.maps[0].values, (48, 72)), atol=1e-6
        )


def test_too_much_heat_for_an_archive_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST", 10_000)
    with pytest.raises(OutputError, match=r"13 arrays take .* Write .zarr"):
        save(rich_heats(), tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_store_as_xarray_sees_it(tmp_path):
    made = rich_heats()
    with xarray.open_zarr(save(made, tmp_path / "x.zarr"), consolidated=False) as found:
        assert found["heatmap"].dims == ("map", "y", "x")
        assert found["values"].dims == ("map", "input_y", "input_x")
        assert found["values"].attrs["method"] == ["grad-cam", "occlusion"] * 4
        assert found["values"].attrs["target_name"][2] == "bee"
        np.testing.assert_array_equal(found["values"].to_numpy(), [each.values for each in made])
        np.testing.assert_array_equal(found["target"].to_numpy(), [3, 3, 1, 1] * 2)
        np.testing.assert_array_equal(
            found["heatmap"].to_numpy()[5], place_on_photograph(made.maps[5], made.photographs[1])
        )
        assert found.attrs["layersight"]["kind"] == "heatmaps"


def test_json_tells_every_number(tmp_path):
    made = rich_heats(fit="pad")
    found = json.loads(save(made, tmp_path / "x.json").read_text("utf-8"))
    assert found["preprocessing"]["formula"] == "pixels / 255"
    assert found["options"]["baseline"] == "black"
    image = found["images"][1]
    assert (image["name"], image["number"]) == ("photo1.jpg", 1)
    assert image["photograph"] == {"width": 54, "height": 36, "reduced": 1.0}
    assert image["region"] == {"top": -9.0, "left": 0.0, "bottom": 45.0, "right": 54.0}
    assert image["predictions"][0]["top"][0] == {"index": 3, "label": "dog", "score": 0.8}
    one = found["heatmaps"][0]
    assert (one["image"], one["image_name"], one["method"]) == (0, "photo0.jpg", "grad-cam")
    assert (one["title"], one["target_name"], one["score"]) == ("Grad-CAM", "dog", 0.8)
    assert one["target"]["layer"] == "top"
    assert one["size"] == {"height": 7, "width": 7}
    values = made.maps[0].values
    assert (one["min"], one["max"]) == (float(values.min()), float(values.max()))
    assert one["mean"] == pytest.approx(float(values.mean()))
    assert one["scale"] == {"low": 0.0, "high": float(values.max()), "ground": 0.0}
    heat = place_on_photograph(made.maps[0], made.photographs[0])
    y, x = np.unravel_index(int(np.nanargmax(heat)), heat.shape)
    assert one["hottest"] == {"x": int(x), "y": int(y)}
    assert one["box"]["x0"] <= one["centre"]["x"] <= one["box"]["x1"]
    assert one["box"]["y0"] <= one["centre"]["y"] <= one["box"]["y1"]
    assert 0 < one["in_padding"] < 1
    measure = one["measures"][0]
    assert (measure["metric"], measure["value"], measure["random"]) == ("deletion", 0.21, 0.4)
    assert measure["better_than_random"] is True
    assert len(measure["curve"]["shares"]) == len(measure["curve"]["scores"]) == 6
    assert one["measures"][2]["curve"] is None
    empty = found["heatmaps"][2]
    assert (empty["empty"], empty["hottest"], empty["centre"], empty["box"]) == (True, *[None] * 3)
    signed = found["heatmaps"][1]
    assert signed["scale"]["low"] == -signed["scale"]["high"]
    assert found["warnings"] == {"occlusion": WARNING}


def test_what_is_no_number_is_null(tmp_path):
    made = heats(measured=True)
    lost = dataclasses.replace(made.maps[0].measures[0], value=float("nan"))
    entry = dataclasses.replace(made.maps[0], score=float("nan"), measures=(lost,))
    made = dataclasses.replace(made, maps=(entry,))
    found = json.loads(save(made, tmp_path / "x.json").read_text("utf-8"))
    assert found["heatmaps"][0]["score"] is None
    assert found["heatmaps"][0]["measures"][0]["value"] is None
    assert found["heatmaps"][0]["measures"][0]["better_than_random"] is None
    assert save(made, tmp_path / "x.png").exists()


def test_pictures_of_a_pdf_have_their_own_pixels(tmp_path):
    made = heats()
    document = PdfReader(io.BytesIO(save(made, tmp_path / "x.pdf").read_bytes()))
    found = [np.asarray(image.image.convert("RGB")) for image in document.pages[0].images]
    wanted = MapPictures(made, 0, HeatOptions(), made.photographs[0])
    heat = wanted.scale.colours[wanted.steps]
    over = blend(wanted.steps, wanted.scale.colours, wanted.overlay)
    for pixels in (made.photographs[0].pixels, over, heat):
        assert any(np.array_equal(pixels, each) for each in found)


def test_what_a_folder_holds(tmp_path):
    made = heats(targets=2, names=["my photo.jpg"], empty=(1,))
    folder = save(made, tmp_path / "out")
    stems = ["000-my_photo-grad-cam-dog", "001-my_photo-grad-cam-bee"]
    assert {path.name for path in folder.iterdir()} == {
        *("sheet.pdf", "sheet.html", "heatmaps.json", "manifest.json"),
        *(f"{stem}{part}.png" for stem in stems for part in ("", "-overlay")),
        f"{stems[0]}-heat.png",
    }
    shown = MapPictures(made, 0, HeatOptions(), made.photographs[0])
    over = blend(shown.steps, shown.scale.colours, shown.overlay)
    with Image.open(folder / f"{stems[0]}-overlay.png") as image:
        np.testing.assert_array_equal(np.asarray(image), over)
    with Image.open(folder / f"{stems[0]}-heat.png") as image:
        np.testing.assert_array_equal(np.asarray(image), shown.scale.colours[shown.steps])
    with Image.open(folder / f"{stems[1]}-overlay.png") as image:
        np.testing.assert_array_equal(np.asarray(image), made.photographs[0].pixels)
    told = read_manifest(folder / f"{stems[0]}-overlay.png")["heatmap"]
    assert (told["method"], told["score"]) == ("grad-cam", 0.8)
    assert told["scale"]["high"] == pytest.approx(shown.scale.limit)
