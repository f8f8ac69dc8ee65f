"""Kernels as files of every kind: whole, the same each time, read back with other readers."""

import json

import numpy as np
import pytest

from layersight.export import save
from weights import everything


def test_an_archive_holds_the_weights_as_they_are(tmp_path):
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


def test_json_tells_every_filter(tmp_path):
    made = everything()
    found = json.loads(save(made, tmp_path / "x.json", columns=3).read_text("utf-8"))
    assert [entry["name"] for entry in found["layers"]] == [entry.name for entry in made]
    many = found["layers"][2]
    assert (many["type"], many["kernel"], many["largest"]) == ("Conv2D", [3, 3, 20], 1.0)
    assert many["zero"] == 1
    values = made.layers[2].values.astype(float)
    plain, zero, wrong = (many["filters"][index] for index in (1, 3, 4))
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
