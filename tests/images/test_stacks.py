"""Frames and slices of films, animations, pages and folders, for networks that take several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layersight.data.model import InputInfo
from layersight.data.preprocessing import SCALES
from layersight.errors import ImageError
from layersight.images import frames, stacks
from pictures import load

COLOURS = np.arange(12) * 20
"""The brightness of each frame."""


def read(source, count, *, channels=1, side=4, **options):
    entry = InputInfo("given", (None, count, side, side, channels))
    return load(source, entry, preprocessing=SCALES["none"], **options)


def shades(result) -> list[int]:
    return np.rint(result.values[:, 0, 0, 0]).astype(int).tolist()


def pictures(count: int = 12, mode: str = "L") -> list[Image.Image]:
    return [Image.new("L", (8, 8), int(shade)).convert(mode) for shade in COLOURS[:count]]


def animation(path: Path, count: int = 12, **options) -> Path:
    first, *others = pictures(count)
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp", "a.png"])
def test_frames_are_spread_evenly(tmp_path, name):
    options = {"lossless": True} if name == "a.webp" else {}
    path = animation(tmp_path / name, **options)
    assert stacks.holds_several(path)
    result = read(path, 4)
    assert shades(result) == [20, 80, 140, 200]
    noun = "page" if name == "a.tif" else "frame"
    assert result.steps[0] == f"{noun}s 1, 4, 7, 10 of 12, counted from 0 (spread evenly)"
    assert result.frames.shape == (4, 4, 4, 1)
    assert shades(read(path, 3, frame=5)) == [100, 120, 140]
    assert read(path, 12).steps[0] == f"all 12 {noun}s"
    assert shades(read(path, 24))[:4] == [0, 0, 20, 20]
    with pytest.raises(ImageError, match=r"expected 3 .*s from 10 on, counted from 0, found 12"):
        read(path, 3, frame=10)


def test_a_folder_of_pictures_is_one_example(tmp_path):
    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / f"p{number}.png")
    result = read(tmp_path, 3)
    assert shades(result) == [40, 120, 200]
    assert result.steps[:2] == (
        "folder of pictures",
        "pictures 2, 6, 10 of 12, counted from 0 (spread evenly)",
    )
    assert stacks.clips_in(tmp_path) == [tmp_path]


def test_the_examples_in_a_folder(tmp_path):
    for name in ("b", "a"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        pictures()[0].save(tmp_path / "clips" / name / "one.png")
    (tmp_path / "clips" / "again").symlink_to(tmp_path / "clips", target_is_directory=True)
    (tmp_path / "clips" / "notes").mkdir()
    assert [path.name for path in stacks.clips_in(tmp_path / "clips")] == ["a", "b"]
    (tmp_path / "films").mkdir()
    animation(tmp_path / "films" / "x.gif")
    animation(tmp_path / "films" / "y.gif")
    assert [path.name for path in stacks.clips_in(tmp_path / "films")] == ["x.gif", "y.gif"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="found none"):
        stacks.clips_in(tmp_path / "empty")


def film(path: Path, count: int = 24, rate: int = 12, **options) -> Path:
    import av

    with av.open(path, "w") as output:
        stream = output.add_stream("mpeg4", rate=rate, options={"qscale": "1", "g": "6"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            picture = Image.new("RGB", (32, 32), (number * 10,) * 3)
            output.mux(stream.encode(av.VideoFrame.from_image(picture)))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_frames_of_a_film(tmp_path, name):
    path = film(tmp_path / name)
    result = read(path, 4, channels=3)
    # The middles of four parts of two seconds: 0.25, 0.75, 1.25 and 1.75, at twelve a second.
    assert np.abs(np.array(shades(result)) - [30, 90, 150, 210]).max() <= 10
    assert result.steps[0] == "film"
    assert result.steps[1].startswith("the frames at 0.25, 0.75, 1.25, 1.75 of 2.0")
    following = read(path, 3, channels=3, frame=6)
    assert np.abs(np.array(shades(following)) - [60, 70, 80]).max() <= 4
    assert following.steps[1] == "frames 6 to 8, counted from 0"
    with pytest.raises(ImageError, match=r"expected 3 frames from 23 on.* found 24"):
        read(path, 3, channels=3, frame=23)


def test_distant_frames_are_sought(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", count=240)
    decoded = []
    monkeypatch.setattr(frames, "check_cost", lambda count, size, where: decoded.append(count))
    read(path, 3, channels=3)
    assert max(decoded) < 60  # of 240


def test_slices_of_16_bits_and_of_floats_have_a_common_scale(tmp_path):
    deep = [np.full((4, 4), value, np.uint16) for value in (0, 257 * 100, 65535)]
    first, *others = map(Image.fromarray, deep)
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    result = read(tmp_path / "a.tif", 3)
    assert shades(result) == [0, 100, 255]
    assert "16 bits scaled to 8 (value / 257)" in result.steps
    floats = [Image.fromarray(np.full((4, 4), value, np.float32)) for value in (-1, 0, 3)]
    floats[0].save(tmp_path / "b.tif", save_all=True, append_images=floats[1:])
    result = read(tmp_path / "b.tif", 3)
    assert shades(result) == [0, 64, 255]
    assert "floats scaled from -1..3 to 0..255" in result.steps


def test_slices_of_a_dicom_file(tmp_path):
    from images.test_kinds import CT, dicom

    path = dicom(tmp_path / "ct", CT, WindowCenter=2000, WindowWidth=4000)
    result = read(path, 5)
    assert result.steps[0] == "all 5 slices"
    assert any("window of width 4000" in step for step in result.steps)
    assert result.frames.shape == (5, 4, 4, 1)


def test_a_single_picture_is_repeated_in_all_frames(tmp_path):
    pictures()[3].save(tmp_path / "one.png")
    result = read(tmp_path / "one.png", 3)
    assert shades(result) == [60, 60, 60]
    assert result.frames.shape == (3, 4, 4, 1)
    assert any("the same picture in all 3 frames" in step for step in result.steps)


def test_a_file_that_is_too_expensive_is_refused(tmp_path, monkeypatch):
    path = animation(tmp_path / "a.gif")
    monkeypatch.setattr(frames, "MAX_DECODED", 64 * 6)
    with pytest.raises(ImageError, match="expected a frame below 6 of 8 x 8 pixels"):
        read(path, 3)
    monkeypatch.undo()
    monkeypatch.setattr("layersight.images.reading.MAX_PIXELS", 64 * 2)
    with pytest.raises(ImageError, match="megapixels"):
        read(path, 3)
