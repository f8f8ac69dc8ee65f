"""Surveys of a network of NumPy functions: numbers, shards, files."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import layersight
from fake_network import Fake
from layersight.errors import (
    ImageError,
    ModelInputError,
    OutputError,
    SelectionError,
    UsageError,
)
from layersight.nouns.survey import local, plan
from layersight.nouns.survey.bins import ERROR
from layersight.nouns.survey.dataset import open_dataset
from layersight.nouns.survey.result import PERCENTILES
from layersight.nouns.survey.shards import ShardFolder, locked
from surveys import PICTURES, order_of, same, stored

Chain = Callable[..., Fake]


def test_the_numbers_are_those_of_stored_activations(
    chain: Chain, photos: Path, small_passes: None
) -> None:
    model, order = chain(), order_of(photos)
    result = layersight.survey(model, photos, layers=["body", "top"], top=5, shard=16)
    assert list(result) == ["body", "top"]
    for name in result:
        entry, maps = result[name], stored(model, name, PICTURES[order])
        flat = maps.reshape(len(maps), -1, maps.shape[-1])
        every = flat.reshape(-1, flat.shape[-1])
        np.testing.assert_allclose(entry.mean, every.mean(0), rtol=1e-5)
        np.testing.assert_allclose(entry.std, every.std(0), rtol=1e-5)
        np.testing.assert_allclose(entry.min, every.min(0), rtol=1e-6)
        np.testing.assert_allclose(entry.max, every.max(0), rtol=1e-6)
        np.testing.assert_allclose(entry.sparsity, (every == 0).mean(0))
        peaks = flat.max(1)
        np.testing.assert_allclose(entry.firing, (peaks > 0).mean(0))
        assert entry.count.tolist() == [len(every)] * entry.channels
        strongest = np.argsort(-peaks, axis=0, kind="stable")[:5].T
        names = [
            [f"{'odd' if n % 2 else 'even'}/{n:03}.png" for n in row]
            for row in np.array(order)[strongest].tolist()
        ]
        assert [[result.names[i] for i in row] for row in entry.strongest.images] == names
        weakest = np.argsort(peaks, axis=0, kind="stable")[:5].T
        np.testing.assert_array_equal(
            entry.weakest.activations, np.take_along_axis(peaks.T, weakest, 1).astype("f4")
        )
        for histogram, values in ((entry.peaks, peaks), (entry.means, flat.mean(1))):
            shares = np.array(PERCENTILES) / 100
            wanted = np.quantile(values, shares, axis=0, method="lower").T
            off = np.abs(histogram.percentiles - wanted)
            assert np.all(off <= (ERROR + 1e-6) * np.abs(wanted))
            assert histogram.counts.sum(1).tolist() == [70] * entry.channels
        odd = np.array(order) % 2 == 1
        for index, members in enumerate((~odd, odd)):
            np.testing.assert_allclose(
                entry.class_means[index], flat[members].mean((0, 1)), rtol=1e-5
            )
            np.testing.assert_allclose(entry.class_peaks[index], peaks[members].mean(0), rtol=1e-5)
    assert result.classes == ("even", "odd")
    assert result.class_images == (35, 35)


def test_positions_and_boxes(chain: Chain, photos: Path) -> None:
    model = chain()
    result = layersight.survey(model, photos, layers="stem", top=2)
    maps = stored(model, "stem", PICTURES[order_of(photos)])
    entry = result["stem"]
    number = int(result.names[entry.strongest.images[1, 0]][-7:-4])
    feature_map = maps[order_of(photos).index(number), :, :, 1]
    row, column = entry.strongest.positions[1, 0]
    assert feature_map[row, column] == feature_map.max()
    top, left, bottom, right = entry.strongest.boxes[1, 0]
    assert result.crop(entry.strongest.crops[1, 0]).shape == (bottom - top, right - left, 3)


def test_the_selectivity_of_classes() -> None:
    from layersight.nouns.survey.assembling import _selectivity

    means = np.array([[1.0, 0, 2, -1], [3.0, 0, 2, 5], [1.0, 4, np.nan, 1]])
    seen = np.array([[2, 1, 1, 1], [2, 1, 1, 1], [2, 1, 0, 1]])
    index, preferred = _selectivity(seen, means)
    np.testing.assert_allclose(index, [(3 - 1) / (3 + 1), 1, 0, np.nan])
    assert preferred.tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("shard", [1, 16, 40, 1000])
def test_the_same_bytes_for_any_shards_and_workers(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path, shard: int
) -> None:
    expected = layersight.survey(chain(), photos)
    for workers in (1, 2, 7):
        out = tmp_path / str(workers)
        same(expected, layersight.survey(chain(), photos, shard=shard, workers=workers, folder=out))


def test_passes_may_end_in_any_order(
    network: type[Fake], photos: Path, small_passes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(3)

    def slow(picture: np.ndarray) -> np.ndarray:
        time.sleep(draw.uniform(0, 0.01))
        return picture

    monkeypatch.setattr(local, "CHUNK", 16)
    layers = {"conv": ("Conv2D", slow)}
    expected = layersight.survey(network(layers), photos, workers=1, correlate=True)
    done: list[int] = []

    def progress(count: int, _: int) -> None:
        done.append(count)

    for shard in (8, 24, 1000):
        more = {"workers": 7, "shard": shard, "correlate": True, "progress": progress}
        same(expected, layersight.survey(network(layers), photos, **more))
    assert done == [8, 16, 24, 32, 40, 48, 56, 64, 70] * 3


def test_a_pass_that_fails_ends_the_survey(
    network: type[Fake], photos: Path, small_passes: None, tmp_path: Path
) -> None:
    passes: list[int] = []

    def failing(picture: np.ndarray) -> np.ndarray:
        passes.append(len(picture))
        if len(passes) == 5:
            raise ModelInputError("too much")
        return picture

    model = network({"conv": ("Conv2D", failing)})
    with pytest.raises(ModelInputError, match="too much"):
        layersight.survey(model, photos, shard=8, workers=1, folder=tmp_path)
    assert len(passes) < 9
    assert len(list((tmp_path / "shards").iterdir())) < 9


def test_a_survey_goes_on_from_the_shards_that_are_there(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path
) -> None:
    out, options = tmp_path / "out", {"shard": 8, "workers": 1, "layers": "body"}

    def stop(done: int, count: int) -> None:
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"[5-8] of 9 shards are kept"):
        layersight.survey(chain(), photos, folder=out, progress=stop, **options)
    model = chain()
    result = layersight.survey(model, photos, folder=out, **options)
    assert 0 < len(model.passes) <= 4
    same(result, layersight.survey(chain(), photos, **options))
    again = chain()
    same(result, layersight.survey(again, photos, folder=out, **options))
    assert again.passes == []


def test_what_has_changed_is_made_anew(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def passes(model: Fake, **options: Any) -> int:
        layersight.survey(model, photos, folder=out, shard=8, **{"layers": "body", **options})
        return len(model.passes)

    assert passes(chain()) == 9
    assert passes(chain()) == 0
    pixels = np.zeros((8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(photos / "odd" / "069.png")
    assert passes(chain()) == 1
    other = chain()
    other.named = dataclasses.replace(other.named, digest="sha256:another")
    assert passes(other) == 9
    assert passes(chain(), fit="crop") == 9
    (out / "shards" / "junk.shard").write_bytes(b"")
    stored_shards = sorted((out / "shards").glob("*.shard"))
    stored_shards[0].write_bytes(stored_shards[0].read_bytes()[:-9])
    assert passes(chain(), fit="crop") == 1
    assert len(list((out / "shards").glob("*.shard"))) == 9


def test_images_that_cannot_be_read_are_listed(
    chain: Chain, photos: Path, small_passes: None, tmp_path: Path
) -> None:
    good = layersight.survey(chain(), photos)
    png = (photos / "even" / "000.png").read_bytes()
    bad = {
        "even/cut.png": png[:60],
        "even/empty.png": b"",
        "odd/text.jpg": b"no picture",
        "odd/huge.png": huge(),
    }
    for name, content in bad.items():
        (photos / name).write_bytes(content)
    (photos / "notes.txt").write_text("no picture")
    result = layersight.survey(chain(), photos)
    assert [name for name, _ in result.unreadable] == sorted(bad)
    assert "megapixels" in dict(result.unreadable)["odd/huge.png"]
    assert "4 of 74 images could not be read" in result.notes[-2]
    assert "1 files in the folder are no images by their names: notes.txt" in result.notes[-1]
    assert result.images == 70
    for name in good:
        np.testing.assert_allclose(good[name].mean, result[name].mean, rtol=1e-6)
        np.testing.assert_allclose(
            good[name].strongest.activations, result[name].strongest.activations, rtol=1e-6
        )
    with pytest.raises(ImageError, match=r"cut\.png.*Leave --strict out"):
        layersight.survey(chain(), photos, strict=True)


def huge() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (40_000, 10_000)).save(buffer, "PNG")
    return buffer.getvalue()


def test_no_image_at_all(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match="none of the 1 images can be read"):
        layersight.survey(chain(), tmp_path)


def test_two_surveys_do_not_work_in_one_folder(chain: Chain, photos: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "out"), pytest.raises(OutputError, match="another survey is working"):
        layersight.survey(chain(), photos, folder=tmp_path / "out")
    layersight.survey(chain(), photos, folder=tmp_path / "out")


def test_what_is_written_is_read_back(chain: Chain, photos: Path, tmp_path: Path) -> None:
    written = layersight.survey(chain(), photos, folder=tmp_path / "out")
    layersight.save(written, tmp_path / "out")
    read = layersight.read_survey(tmp_path / "out")
    same(written, read)
    assert read.crops[:] == list(written.crops)
    for name in ("classes", "class_images", "names", "images", "content", "size", "notes"):
        assert getattr(read, name) == getattr(written, name), name
    assert read["body"].layer == written["body"].layer
    assert read.preprocessing == written.preprocessing
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["relative_error"] == ERROR


def test_a_folder_without_a_survey(tmp_path: Path, chain: Chain, photos: Path) -> None:
    with pytest.raises(OutputError, match="no survey in"):
        layersight.read_survey(tmp_path / "nothing")
    made = layersight.survey(chain(), photos)
    layersight.save(made, tmp_path / "out")
    (tmp_path / "out" / "top.parquet").write_bytes(b"PAR1")
    with pytest.raises(OutputError, match="no survey in"):
        layersight.read_survey(tmp_path / "out")


def test_lists_tar_and_parquet_files_hold_the_same_images(
    chain: Chain, photos: Path, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = layersight.survey(chain(), photos)
    files = sorted(photos.rglob("*.png"))
    lines = [f"{path.relative_to(photos)}\t{path.parent.name}" for path in files]
    (photos / "list.txt").write_text("\n".join(lines))
    same(wanted, layersight.survey(chain(), photos / "list.txt"))
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        for path in files:
            archive.add(path, path.relative_to(photos))
    same(wanted, layersight.survey(chain(), tmp_path / "all.tar"))
    rows = {
        "image": [{"bytes": path.read_bytes(), "path": ""} for path in files],
        "label": [path.parent.name for path in files],
        "name": [str(path.relative_to(photos)) for path in files],
    }
    pq.write_table(pa.table(rows), tmp_path / "all.parquet", row_group_size=20)
    same(wanted, layersight.survey(chain(), tmp_path / "all.parquet"))


def test_the_classes_of_a_webdataset(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "00.tar", "w") as archive:
        for name, content in (("000.jpg", b"a"), ("000.cls", b"7\n"), ("001.jpg", b"b")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    data = open_dataset(tmp_path / "00.tar")
    assert [(item.name, item.label) for item in data.items] == [("000.jpg", "7"), ("001.jpg", None)]
    with tarfile.open(tmp_path / "01.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "00.tar", "x")
    with pytest.raises(ImageError, match="uncompressed"):
        open_dataset(tmp_path / "01.tar.gz")


def test_arrays_are_images_too(chain: Chain) -> None:
    result = layersight.survey(chain(), PICTURES, layers="body")
    wanted = stored(chain(), "body", PICTURES).reshape(-1, 5)
    np.testing.assert_allclose(result["body"].mean, wanted.mean(0), rtol=1e-5)
    assert result.classes == ()
    assert result.names[0].isdigit()


def test_a_channel_that_is_one_number_is_dead(network: type[Fake]) -> None:
    def channels(picture: np.ndarray) -> np.ndarray:
        ones = np.ones_like(picture[..., :1])
        return np.concatenate([ones * 0, ones * 3, picture[..., :1]], -1)

    result = layersight.survey(network({"conv": ("Conv2D", channels)}), PICTURES[:, :6, :5])
    assert result["conv"].dead.tolist() == [True, True, False]
    assert result["conv"].sparsity[:2].tolist() == [1, 0]


def test_wrong_requests_are_refused(chain: Chain, photos: Path) -> None:
    with pytest.raises(SelectionError, match="no layer 'bodi'"):
        layersight.survey(chain(), photos, layers="bodi")
    with pytest.raises(UsageError, match="expected top"):
        layersight.survey(chain(), photos, top=0)
    with pytest.raises(UsageError, match="unknown option 'tops'"):
        layersight.survey(chain(), photos, tops=1)
    with pytest.raises(UsageError, match="unknown engine"):
        layersight.survey(chain(), photos, engine="spark")
    with pytest.raises(UsageError, match="fit"):  # before anything is read
        layersight.survey(chain(), "no such folder", fit="bend")
    assert not ShardFolder(None).has(plan.cut(open_dataset(photos), spec_of(chain(), photos))[0])


def spec_of(model: Fake, photos: Path) -> plan.Spec:
    from layersight.batch.request import ImageOptions
    from layersight.nouns.survey.compute import _plan
    from layersight.nouns.survey.options import SurveyOptions

    return _plan(model, open_dataset(photos), None, SurveyOptions(), ImageOptions())[1]


def test_layers_stand_for_themselves_after_their_activation_function(network: type[Fake]) -> None:
    model = network(
        {
            "conv": ("Conv2D", lambda picture: picture),
            "norm": ("BatchNormalization", lambda conv: conv),
            "relu": ("ReLU", lambda norm: norm),
            "own": ("Conv2D", lambda relu: relu, "relu"),
            "act": ("Activation", lambda own: own),
            "split": ("Conv2D", lambda act: act),
            "one": ("ReLU", lambda split: split),
            "two": ("Conv2D", lambda split: split),
            "sum": ("Add", lambda one, two: one + two),
        }
    )
    assert plan.default_layers(model.info) == ["relu", "own", "split", "two"]


def test_a_layer_is_found_under_its_own_name_too(network: type[Fake], tmp_path: Path) -> None:
    model = network(
        {
            "conv": ("Conv2D", lambda picture: picture - 0.5),
            "norm": ("BatchNormalization", lambda conv: conv * 2),
            "relu": ("ReLU", lambda norm: np.maximum(norm, 0)),
            "pool": ("MaxPooling2D", lambda relu: relu[:, ::2, ::2]),
        }
    )
    picture = PICTURES[0, :6, :5]
    layersight.save(layersight.survey(model, PICTURES[:, :6, :5]), tmp_path / "out")
    survey = layersight.read_survey(tmp_path / "out")
    assert survey.counted_as == {"conv": "relu", "norm": "relu"}
    words = "the survey counted conv as relu, after the activation function"
    with pytest.raises(SelectionError, match=words):
        survey["conv"]
    unit = layersight.channel(model, "conv:1", survey=survey, pattern=False)
    assert (unit.layer, unit.channel, unit.notes) == ("relu", 1, (words,))
    shown = layersight.activations(model, picture, layers=["conv", "pool"], survey=survey)
    assert f"the survey did not count pool; {words}" in " ".join(shown.notes)
    both = layersight.survey(model, PICTURES[:, :6, :5], layers=["conv", "relu"])
    assert both.counted_as == {"norm": "relu"}
    assert both["conv"].min.max() < 0
