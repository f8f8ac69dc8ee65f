"""Surveys that are killed, and disks that are full: nothing half-written, nothing lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import layersight
from fake_network import deep
from layersight.atomic import PREFIX

TESTS = Path(__file__).parents[2]
SCRIPT = """
import resource, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fake_network import deep
import layersight
photos, out, limit = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
endless = sys.argv[5] == "endless"
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("begun", flush=True)
def slowly(done, count):
    time.sleep(0.03)
try:
    while True:
        result = layersight.survey(deep(), photos, folder=out, shard=32, progress=slowly)
        layersight.save(result, out)
        if not endless:
            break
except layersight.LayersightError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(1)
    for number in range(640):
        pixels = draw.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def start(photos: Path, out: Path, limit: int = 0, until: str = "done") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(TESTS), str(photos), str(out), str(limit), until],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, error = process.communicate(timeout=600)
    return process.returncode, error


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a survey, without its working files."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix != ".lock" and path.is_file()
    }


def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(
    photos: Path, tmp_path: Path
) -> None:
    status, error = finish(start(photos, tmp_path / "uninterrupted"))
    assert status == 0, error
    expected = contents(tmp_path / "uninterrupted")
    assert len(expected) == 8
    out, moments = tmp_path / "out", random.Random(4)
    for _ in range(10):
        process = start(photos, out, until="endless")
        time.sleep(moments.uniform(0, 0.35))
        process.kill()
        status, error = finish(process)
        assert status == -signal.SIGKILL, error
    status, error = finish(start(photos, out))
    assert status == 0, error
    assert contents(out) == expected
    assert not list((out / "shards").glob(f"{PREFIX}*"))


def test_killed_while_it_wrote_it_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    survey = layersight.survey(deep(), photos, folder=out, shard=320)
    layersight.save(survey, out)
    expected = contents(out)
    half = out / "shards" / f"{PREFIX}half"
    half.mkdir()
    (half / "file").write_bytes(b"half")
    (out / "shards" / "0.shard").write_bytes(b"of other images")
    layersight.save(layersight.survey(deep(), photos, folder=out, shard=320), out)
    assert contents(out) == expected
    assert not half.exists()
    assert len(list((out / "shards").iterdir())) == 2


def test_a_full_disk_is_one_line_and_leaves_nothing_broken(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, error = finish(start(photos, out, limit=2000))
    assert status == 1
    assert len(error.splitlines()) == 1
    assert "File too large" in error
    assert not out.exists()
    status, error = finish(start(photos, out))
    assert status == 0, error
    assert len(contents(out)) == 8
