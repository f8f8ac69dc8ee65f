"""Arrays on disk: NumPy archives and Zarr stores."""

import builtins
from dataclasses import replace

import numpy as np
import pytest
import xarray
import zarr

from export.made import RESULT, make
from layersight.errors import OutputError
from layersight.export import arrays as module
from layersight.export import read_manifest, save


def test_an_archive_holds_the_layers_and_nothing_else(tmp_path):
    with np.load(save(RESULT, tmp_path / "x.npz"), allow_pickle=False) as found:
        assert found.files == list(RESULT)
        for name, array in RESULT.items():
            assert found[name].dtype == np.float32
            np.testing.assert_array_equal(found[name], array)


def renamed(names):
    layers = [
        replace(entry, layer=replace(entry.layer, name=name))
        for entry, name in zip(RESULT.layers, names, strict=False)
    ]
    return replace(RESULT, layers=tuple(layers))


def test_layers_of_any_name_in_an_archive(tmp_path):
    made = renamed(["file", "allow_pickle", "arr_0", "a/b@1", "é 漢"])
    with np.load(save(made, tmp_path / "x.npz")) as found:
        assert found.files == list(made)


def test_an_archive_of_very_many_images_still_tells_its_origin(tmp_path):
    made = make(300, names=[f"{'long' * 20}{number}.png" for number in range(300)])
    path = save(replace(made, layers=made.layers[-1:]), tmp_path / "x.npz")
    found = read_manifest(path)
    assert found["model"]["digest"].startswith("sha256:")
    assert len(found["images"]) + found["images_left_out"] == 300
    assert 0 < len(found["images"]) < 300
    with np.load(path) as arrays:
        assert arrays["top"].shape == (300, 3)


def test_a_store_as_xarray_sees_it(tmp_path):
    path = save(RESULT, tmp_path / "x.zarr")
    with xarray.open_zarr(path, consolidated=False) as found:
        assert set(found.data_vars) == {"conv", "body.pool", "line", "volume", "top"}
        for entry in RESULT.layers:
            array = found[entry.name.replace("/", ".")]
            np.testing.assert_array_equal(array.to_numpy(), entry.values)
            assert array.dtype == np.float32
            assert array.attrs["layer"] == entry.name
            assert array.attrs["type"] == entry.layer.type
            assert array.attrs["channels"] == list(entry.channels)
        assert found["conv"].dims == ("image", "conv_y", "conv_x", "conv_channel")
        assert found["line"].dims == ("image", "line_x", "line_channel")
        assert found["volume"].dims == (
            "image", "volume_z", "volume_y", "volume_x", "volume_channel",
        )  # fmt: skip
        assert found["top"].dims == ("image", "top_unit")
        assert found.attrs["layersight"]["kind"] == "activations"


def test_a_store_has_a_chunk_for_each_channel_of_each_image(tmp_path):
    root = zarr.open_group(str(save(make(2), tmp_path / "x.zarr")), mode="r")
    assert root["conv"].chunks == (1, 8, 9, 1)
    assert root["volume"].chunks == (1, 2, 4, 4, 1)
    assert root["top"].chunks == (1, 3)
    assert root["conv"].metadata.zarr_format == 3


@pytest.mark.parametrize(
    "names",
    [
        ["a/b", "a.b", "a\\b", "a.b_", "c"],
        ["image", "x", "x_y", "y", "image_"],
        ["..", ".", "__hidden", "zarr.json", "é 漢"],
        ["conv", "conv_y", "conv_channel", "conv_x", "conv_unit"],
    ],
)
def test_names_that_a_store_cannot_have_or_has_already(tmp_path, names):
    made = renamed(names)
    with xarray.open_zarr(save(made, tmp_path / "x.zarr"), consolidated=False) as found:
        by_layer = {array.attrs["layer"]: array for array in found.data_vars.values()}
        assert set(by_layer) == set(names)
        for name, values in made.items():
            np.testing.assert_array_equal(by_layer[name].to_numpy(), values)


def test_without_zarr_one_line_says_what_to_do(tmp_path, monkeypatch):
    known = builtins.__import__

    def without(name, *given, **named):
        if name.partition(".")[0] == "zarr":
            raise ImportError("No module named 'zarr'")
        return known(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        OutputError, match=r"needs the package zarr: pip install 'layersight\[zarr\]'"
    ):
        save(RESULT, tmp_path / "x.zarr")
    assert list(tmp_path.iterdir()) == []
    assert module.MAX_COMMENT == 65_535
