"""DICOM, HEIC, films, and files of several frames."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layersight.data.model import InputInfo
from layersight.errors import ImageError, UsageError
from layersight.images import frames as counting
from layersight.images import libraries
from layersight.images.photograph import photograph
from pictures import load, read_pixels

CT = np.random.default_rng(0).integers(0, 4000, (5, 12, 9), dtype=np.uint16)


def dicom(path: Path, pixels: np.ndarray, **settings: Any) -> Path:
    """A DICOM file of some pixels, written with pydicom."""
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    colour = pixels.ndim > 2 and pixels.shape[-1] == 3
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3 and not colour:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.tobytes()
    for name, value in settings.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": 1, "RescaleIntercept": -1024},
        {"WindowCenter": [900, 40], "WindowWidth": [1800, 80]},
        {"WindowCenter": 900, "WindowWidth": 1800, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 900, "WindowWidth": 1800, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 1000, "WindowWidth": 1},
    ],
)
@pytest.mark.parametrize("kind", ["MONOCHROME2", "MONOCHROME1"])
def test_windows_match_pydicom(tmp_path, settings, kind):
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_windowing

    path = dicom(tmp_path / "ct", CT[0], PhotometricInterpretation=kind, **settings)
    data = pydicom.dcmread(path)
    values = apply_modality_lut(data.pixel_array, data)
    windowed = apply_windowing(np.asarray(values, np.float64), data)
    slope, intercept = settings.get("RescaleSlope", 1), settings.get("RescaleIntercept", 0)
    low, high = intercept, 65535 * slope + intercept
    expected = (windowed - low) / (high - low) * 255
    expected = 255 - expected if kind == "MONOCHROME1" else expected
    result, size, steps = read_pixels(path, 1)
    assert size == (9, 12)
    np.testing.assert_allclose(result[..., 0], expected, atol=0.51)
    assert steps[0] == "DICOM"
    assert any("window of width" in step for step in steps)
    assert ("inverted, as its least value is white" in steps) == (kind == "MONOCHROME1")
    assert any("rescaled (value * 1 - 1024)" in step for step in steps) == (intercept != 0)


def test_the_middle_or_requested_slice_of_a_volume(tmp_path):
    path = dicom(tmp_path / "volume.dcm", CT, WindowCenter=2000, WindowWidth=4000)
    middle, _, steps = read_pixels(path, 1)
    assert "slice 2 of 5, counted from 0 (the middle one)" in steps
    np.testing.assert_array_equal(middle, read_pixels(path, 1, 2)[0])
    last, _, steps = read_pixels(path, 1, 4)
    assert "slice 4 of 5, counted from 0" in steps
    np.testing.assert_allclose(last[..., 0], (CT[4] - 1999.5) / 3999 * 255 + 127.5, atol=0.51)
    with pytest.raises(ImageError, match=r"no frame, page or slice 5: expected one from 0 to 4, c"):
        read_pixels(path, 1, 5)


def test_dicom_without_a_window_and_in_colour(tmp_path):
    result, _, steps = read_pixels(dicom(tmp_path / "a", CT[0].astype(np.int16)), 1)
    spread = (CT[0] - CT[0].min()) / (CT[0].max() - CT[0].min()) * 255
    np.testing.assert_allclose(result[..., 0], spread, atol=0.51)
    assert steps[-1] == f"no window: {CT[0].min()}..{CT[0].max()} scaled to 0..255"
    colours = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    result, _, steps = read_pixels(dicom(tmp_path / "b", colours))
    np.testing.assert_array_equal(result, colours)
    assert steps == ("DICOM",)


def test_a_dicom_file_that_is_too_large_or_empty(tmp_path):
    import pydicom

    path = dicom(tmp_path / "bomb", CT[0])
    data = pydicom.dcmread(path)
    data.Rows, data.Columns = 60_000, 60_000
    data.save_as(path)
    with pytest.raises(ImageError, match=r"at most 150 megapixels, found 3,600\.0"):
        read_pixels(path)
    del data.PixelData
    data.Modality = "SR"
    data.save_as(path)
    with pytest.raises(ImageError, match=r"a DICOM file without plain pixels \(SR\)"):
        read_pixels(path)
    path.write_bytes(dicom(tmp_path / "content", CT[0]).read_bytes()[:-40])
    with pytest.raises(ImageError, match="The file is damaged or cut short"):
        read_pixels(path)


def smooth(value: int) -> np.ndarray:
    """A picture that all codecs keep nearly unchanged."""
    rows, columns = np.mgrid[:48, :64]
    return np.stack([rows + value, columns + value, np.full_like(rows, value)], -1).astype(np.uint8)


def test_heic_is_turned_upright_and_may_have_several_pictures(tmp_path):
    import pillow_heif

    picture = Image.fromarray(smooth(20))
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = pillow_heif.from_pillow(picture)
    stored.add_from_pillow(Image.fromarray(smooth(120)))
    stored.save(tmp_path / "a.jpg", quality=95, exif=exif.tobytes())
    result, size, steps = read_pixels(tmp_path / "a.jpg")
    assert size in ((48, 64), (64, 48))
    upright = np.rot90(smooth(20), -1) if size == (48, 64) else smooth(20)
    assert np.abs(result.astype(int) - upright).mean() < 4
    assert steps == ("HEIC", "picture 0 of 2, counted from 0 (the file's own first)")
    second, _, steps = read_pixels(tmp_path / "a.jpg", frame=1)
    assert np.abs(second.astype(int) - smooth(120)).mean() < 4
    assert steps == ("HEIC", "picture 1 of 2, counted from 0")
    with pytest.raises(ImageError, match="no frame, page or slice 2"):
        read_pixels(tmp_path / "a.jpg", frame=2)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "cut").write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageError, match="The file is damaged or cut short"):
        read_pixels(tmp_path / "cut")


CODECS = {"mp4": ("mpeg4", "yuv420p"), "matroska": ("ffv1", "bgr0"), "avi": ("mjpeg", "yuvj420p")}


def make_film(path: Path, container: str, count: int = 11) -> Path:
    import av

    codec, pixels = CODECS[container]
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.bit_rate = 4_000_000
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(smooth(number * 15), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("container", CODECS)
def test_a_frame_of_a_film(tmp_path, container):
    path = make_film(tmp_path / "film.jpg", container)
    for frame, expected in ((None, 6), (0, 0), (3, 3), (10, 10)):
        result, size, steps = read_pixels(path, frame=frame)
        assert size == (64, 48)
        assert np.abs(result.astype(int) - smooth(expected * 15)).mean() < 5, frame
        assert steps[0] == "film"
        words = "(the middle)" if frame is None else f"frame {frame} of "
        assert words in steps[1]
    with pytest.raises(ImageError, match="no frame, page or slice 11: expected one from 0 to 10"):
        read_pixels(path, frame=11)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ImageError):
        read_pixels(path)


def test_a_film_cannot_refer_to_another_file(tmp_path):
    """A playlist, which FFmpeg would follow, is not accepted as a film."""
    make_film(tmp_path / "real.mp4", "mp4")
    for text in (
        f"ffconcat version 1.0\nfile {tmp_path}/real.mp4\n",
        f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/real.mp4\n#EXT-X-ENDLIST\n",
    ):
        (tmp_path / "list.mp4").write_text(text)
        with pytest.raises(ImageError, match="found text that begins"):
            read_pixels(tmp_path / "list.mp4")


def test_decoding_for_a_frame_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "MAX_DECODED", 64 * 48 * 5)
    path = make_film(tmp_path / "film.avi", "avi")
    gif = tmp_path / "a.gif"
    pages = [Image.new("L", (64, 48), number) for number in range(9)]
    pages[0].save(gif, save_all=True, append_images=pages[1:])
    for file in (path, gif):
        assert read_pixels(file, frame=4)[1] == (64, 48)
        with pytest.raises(ImageError, match=r"expected a frame below 5 of 64 x 48 pixels, .* 5:"):
            read_pixels(file, frame=5)


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "WEBP", "PNG"])
def test_a_page_or_frame_by_its_number(tmp_path, kind):
    pages = [Image.fromarray(np.full((3, 4, 3), value, np.uint8)) for value in (10, 110, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "pages"
    pages[0].save(path, kind, save_all=True, append_images=pages[1:], **options)
    first = "the first of several frames"
    for frame, value in ((None, 10), (0, 10), (1, 110), (2, 200)):
        result, _, steps = read_pixels(path, frame=frame)
        assert set(result.ravel().tolist()) == {value}
        assert steps[0] == (f"frame {frame} of several, counted from 0" if frame else first)
    with pytest.raises(ImageError, match=r"no frame, page or slice 7: expected one from 0 to 2"):
        read_pixels(path, frame=7)
    for wrong in (-1, 1.5, True, "1", 10**9):
        with pytest.raises(UsageError, match="expected frame as a whole number from 0 to 100000"):
            read_pixels(path, frame=wrong)


def test_pages_of_16_bits(tmp_path):
    pages = [np.full((3, 4), value, np.uint16) for value in (257 * 10, 257 * 200)]
    first, second = (Image.fromarray(page) for page in pages)
    first.save(tmp_path / "deep.tif", save_all=True, append_images=[second])
    result, _, steps = read_pixels(tmp_path / "deep.tif", 1, 1)
    assert set(result.ravel().tolist()) == {200}
    assert steps == ("frame 1 of several, counted from 0", "16 bits scaled to 8 (value / 257)")


def test_the_photograph_is_of_the_same_frame(tmp_path):
    path = make_film(tmp_path / "film.mkv", "matroska")
    image = load(path, InputInfo("in", (None, 8, 8, 3)), frame=4)
    np.testing.assert_array_equal(photograph(path, image).pixels, smooth(60))
    assert photograph(path, image).region == (0.0, 0.0, 48.0, 64.0)


@pytest.mark.parametrize(
    ("library", "extra", "first"),
    [
        ("pydicom", "dicom", bytes(128) + b"DICM"),
        ("pillow_heif", "heic", b"\0\0\0\x18ftypheic"),
        ("av", "video", b"\0\0\0\x18ftypisom"),
        ("av", "video", b"\x1aE\xdf\xa3"),
    ],
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, library, extra, first):
    monkeypatch.setitem(sys.modules, library, None)
    (tmp_path / "a.bin").write_bytes(first + bytes(200))
    with pytest.raises(
        ImageError, match=rf"pip install 'layersight\[{extra}\]', or save the image"
    ):
        read_pixels(tmp_path / "a.bin")


def test_the_rotation_of_a_film_is_reported(tmp_path, monkeypatch):
    path = make_film(tmp_path / "film.mkv", "matroska")

    class Turned:
        width, height, rotation = 64, 48, 90

        def to_image(self) -> Image.Image:
            return Image.fromarray(smooth(0))

    monkeypatch.setattr(libraries, "_frames_from", lambda *_: ([Turned()], 1))
    result, size, steps = read_pixels(path, frame=0)
    assert size == (48, 64)
    np.testing.assert_array_equal(result, np.rot90(smooth(0)))
    assert steps[-1] == "turned by 270 degrees, as the film says"
