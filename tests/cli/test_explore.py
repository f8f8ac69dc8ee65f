"""``layersight explore``: the page is there, answers, and ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import layersight
from explorers import Served

CODE = "from layersight.cli import main; main()"
FREE = ("--no-browser", "--port", "0")


@contextmanager
def started(*arguments):
    """The command in its own process, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "explore", *FREE, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def served(address):
    match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([\w-]{16,})/", address)
    assert match, address
    return Served(None, int(match[1]), match[2])


def test_without_arguments_it_opens_the_demonstration(keyboard):
    with started() as (process, address):
        page = served(address)
        assert page.send("GET", f"/{page.token}/").status == 200
        model = page.ask("model").json
        assert (model["name"], model["labels"]) == ("cats_dogs", ["cat", "dog"])
        (image,) = page.ask("images").json["images"]
        answer = page.ask("predictions", {"image": image["id"]}).json["predictions"]
        assert answer[0]["words"].startswith("cat 0.8")
        page.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0
        assert out == ""
        assert err.splitlines()[-1] == "layersight: ended"
        assert "Traceback" not in err


def test_a_model_that_cannot_be_opened_ends_it(tmp_path):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no model at all")
    with started(bad) as (process, address):
        _, err = process.communicate(timeout=300)
        assert served(address)
        assert process.returncode == 1
        assert err.splitlines()[-1].startswith("layersight: ")
        assert "bad.h5" in err
        assert "Traceback" not in err


def test_a_port_that_is_taken(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = run("explore", *FREE[:2], taken.getsockname()[1], status=1).line
    assert re.search(r"cannot listen at 127\.0\.0\.1 port \d+: Address already in use", line)


def test_the_demonstration_as_one_file(run, tmp_path):
    path = tmp_path / "demo.html"
    rows = run("explore", "--export", path).rows
    assert re.fullmatch(rf"wrote {re.escape(str(path))} \(\d\.\d\d MB\)", rows[-1])
    assert path.stat().st_size < 3_000_000
    text = path.read_text("utf-8")
    assert "layersight explore cats_dogs.keras" in text
    assert str(Path(layersight.__file__).parent) not in text, "it tells where it was made"
