"""The images that a path, a folder or a pattern names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from layersight import images
from layersight.errors import ImageError
from pictures import error_of


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_a_folder_in_natural_order(tmp_path):
    touch(tmp_path, "img10.png", "img2.PNG", "Img1.jpg", "b/a.gif", "a12/x.webp", "a2/x.tif")
    touch(tmp_path, "notes.txt", ".hidden.png", ".git/a.png", "b/.cache/a.png", "a.npy")
    (tmp_path / "folder.png").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in images.find_images([tmp_path])]
    assert names == ["a2/x.tif", "a12/x.webp", "b/a.gif", "Img1.jpg", "img2.PNG", "img10.png"]
    flat = images.find_images(tmp_path, recursive=False)
    assert [path.name for path in flat] == ["Img1.jpg", "img2.PNG", "img10.png"]


def test_files_keep_their_order_without_repeats(tmp_path):
    second, first = touch(tmp_path, "b.png", "a.dat")
    files = images.find_images([str(second), first, tmp_path / "." / "b.png", tmp_path])
    assert files == [second, first]


def test_patterns(tmp_path):
    touch(tmp_path, "a1.png", "a10.png", "a2.jpg", "a.txt", "b/c.png", "b/d.dat", ".a.png")

    def names(pattern, **options):
        files = images.find_images([str(tmp_path / pattern)], **options)
        return [path.relative_to(tmp_path).as_posix() for path in files]

    assert names("a*") == ["a1.png", "a2.jpg", "a10.png"]
    assert names("a?.*") == ["a1.png", "a2.jpg"]
    assert names("a[12].png") == ["a1.png"]
    assert names("*.txt") == ["a.txt"]
    assert names("*") == ["a1.png", "a2.jpg", "a10.png", "b/c.png"]
    assert names("*", recursive=False) == ["a1.png", "a2.jpg", "a10.png"]
    assert names("**/*.png") == ["a1.png", "a10.png", "b/c.png"]


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    (path,) = touch(tmp_path, "a[1].png")
    touch(tmp_path, "a1.png")
    assert images.find_images([path]) == [path]


def test_missing_files(tmp_path):
    touch(tmp_path, "elephant.png")
    message = error_of(ImageError, images.find_images, [tmp_path / "elefant.png"])
    assert message.endswith("elefant.png'. Did you mean elephant.png?")
    assert images.find_images([]) == []


def test_a_folder_without_images(tmp_path):
    touch(tmp_path, "a.txt")
    assert error_of(ImageError, images.find_images, [tmp_path]) == (
        f"expected images in the folder {str(tmp_path)!r}, found none: looked in it and all "
        "folders in it for .bmp, .dcm, .gif, .heic, .heif, .jpe, .jpeg, .jpg, .png, .tif, .tiff, "
        ".webp. Give files of other names one by one or as a pattern."
    )


def test_a_pattern_without_a_match(tmp_path):
    touch(tmp_path, "a.txt")
    message = error_of(ImageError, images.find_images, [str(tmp_path / "*.png")])
    assert message.startswith(f"expected images that match {str(tmp_path / '*.png')!r}, found noth")
    message = error_of(ImageError, images.find_images, [str(tmp_path / "a*")])
    assert "found 1 names but no image: looked for .bmp" in message


def test_cyclic_links(tmp_path):
    (path,) = touch(tmp_path, "a/b/c.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert images.find_images([tmp_path]) == [path]


@given(st.lists(st.text("ab019.A", min_size=1, max_size=6), unique=True, min_size=2))
def test_the_natural_order_is_total(names):
    from layersight.images.finding import _natural

    paths = [Path(name) for name in names]
    backwards = paths[::-1]
    assert sorted(paths, key=_natural) == sorted(backwards, key=_natural)


def test_importing_images_imports_no_framework():
    code = (
        "import sys, layersight.images; "
        "print([name for name in ('keras', 'jax', 'tensorflow', 'torch', 'matplotlib') "
        "if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"
