"""The command as its own process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from layersight.cli import main; main()"


def start(*arguments, code=MAIN, **options):
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, **given)


def test_a_whole_run_says_nothing_but_its_result(small, photos, tmp_path):
    # Without a filter for warnings: the user sees what Python shows of itself.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    given = ["activations", small, photos / "photo.png", "--output", tmp_path / "x.pdf"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, given)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"wrote {tmp_path / 'x.pdf'}"
    assert [path.name for path in tmp_path.iterdir()] == ["x.pdf"]


def test_one_line_and_a_status(tmp_path):
    process = start("activations", "model.keras", "photo.png", "--view", "x", cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert out == ""
    assert err.startswith("layersight: unknown view 'x': expected one of sheet, grid")
    assert err.count("\n") == 1


def test_standard_output_without_a_reader():
    with Path(os.devnull).open("w") as nothing:
        read, write = os.pipe()
        os.close(read)
        process = start("activations", "--help", stdout=write, stdin=nothing)
        os.close(write)
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_closed(streams, tmp_path):
    command = f'"{sys.executable}" -c "{MAIN}" summary none.keras {streams}'
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("layersight: no model file") == ("2" not in streams)


@pytest.mark.usefixtures("keyboard")
def test_a_signal_from_the_keyboard(tmp_path):
    code = (
        "import os, signal\n"
        "from layersight.cli import main, run\n"
        "run.check_images = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)\n"
        "main()"
    )
    process = start("activations", "m.keras", "x.png", code=code, cwd=tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert (out, err) == ("", "layersight: interrupted; nothing half-written is left\n")
    assert signal.SIGINT == 2
