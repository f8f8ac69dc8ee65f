"""The page as one file: it holds what it shows, and refers to nothing else."""

from __future__ import annotations

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import layersight
from explorers import picture, png
from fake_network import deep
from layersight.errors import SelectionError, UsageError
from layersight.web.explorer import Explorer, Settings
from layersight.web.exported import check_path, key_of, page, write_page
from layersight.web.host import answer
from layersight.web.static_files import files, joined, modules


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="layersight-data">(.*?)</script>', text)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def buffer(text: str) -> bytes:
    content = base64.b64decode(text[1:])
    return zlib.decompress(content) if text[0] == "d" else content


@pytest.fixture
def explorer() -> Explorer:
    network = deep(labels=("a", "</script><script>alert(1)</script>", "c"))
    network.weights["body"] = np.ones((3, 3, 4, 5), np.float32)
    return Explorer(network, [picture(), picture(1)])


def test_it_keeps_every_layer_of_every_image(explorer: Explorer) -> None:
    answers = data_of(page(explorer))["answers"]
    for photo in explorer.photos.opened:
        for layer in ("stem", "pool", "body", "gap", "top"):
            params = {"image": photo.id, "layer": layer}
            kept = answers[key_of("layer", params)]
            made = answer(explorer, "layer", params)
            table = np.frombuffer(buffer(kept["buffers"][1]), np.float32)
            assert np.array_equal(table, made.buffers[1].ravel())  # type: ignore[union-attr]
            assert kept["json"]["dtype"] == "u8"
        for kind in ("image", "photograph", "predictions", "statistics"):
            assert (
                key_of(kind, {"image": photo.id, "longest": 99}) in answers or kind != "photograph"
            )
            assert key_of(kind, {"image": photo.id}) in answers
        heat = {
            "image": photo.id,
            "method": "grad-cam",
            "target": None,
            "scores": [],
            "options": {},
        }
        assert key_of("heatmap", heat) in answers
    model = answers["model {}"]["json"]
    assert [method["name"] for method in model["methods"]] == ["grad-cam"]
    assert not any(model["features"][name] for name in ("upload", "edit", "pattern", "download"))
    assert [layer["name"] for layer in model["layers"] if layer["kernels"]] == []


def test_it_refers_to_nothing(explorer: Explorer) -> None:
    text = page(explorer)
    outside = data_of(text)
    shell = text.replace(json.dumps(outside), "")
    assert "connect-src 'none'" in shell
    assert not re.findall(
        r"""(?:src|href)=["'](?!data:,)""", re.sub(r"<script.*?</script>", "", text)
    )
    assert text.count("</script>") == 2
    assert "alert(1)" in text


def test_some_layers(explorer: Explorer, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    size = write_page(explorer, path, "body")
    assert path.stat().st_size == size
    answers = data_of(path.read_text("utf-8"))["answers"]
    kept = {name.partition('"layer":"')[2].rstrip('"}') for name in answers if name[:6] == "layer "}
    assert kept == {"body"}
    with pytest.raises(SelectionError):
        write_page(explorer, tmp_path / "other.html", "nothing")
    assert not (tmp_path / "other.html").exists()


def test_where_it_goes() -> None:
    assert check_path("a/b.HTML") == Path("a/b.HTML")
    with pytest.raises(UsageError, match=r"ending in \.html"):
        check_path("a.pdf")


@pytest.mark.parametrize("entry", ["main.js", "hosts/file.js", "hosts/cell.js"])
def test_modules_are_joined_after_what_they_import(entry: str) -> None:
    found = list(modules(entry))
    assert found.index("hosts/frames.js") < found.index("explorer.js") < found.index(entry)
    assert set(found) <= set(files())
    text = joined(entry)
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    # It stands in a page as it is.
    assert "</script" not in text
    assert "<!--" not in text
    assert joined(entry, "some").endswith(".some;\n")


@pytest.mark.parametrize("name", sorted(name for name in files() if name.endswith(".js")))
def test_every_import_is_seen(name: str) -> None:
    """What the page imports in another way than these would not be in the one file."""
    text = re.sub(r"/\*.*?\*/", "", files()[name].decode(), flags=re.DOTALL)
    assert not re.search(r"\bimport\s*\(", text)
    assert not re.search(r"""\bfrom\s*["'][^."']""", text)
    assert not re.search(r"\bfetch\s*\(", text) or name == "hosts/http.js"


def test_it_keeps_the_strongest_images_of_a_survey(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(png(picture(number)))
    network = deep()
    survey = layersight.survey(network, tmp_path)
    answers = data_of(page(Explorer(network, [picture()], Settings(survey=survey)), "body"))[
        "answers"
    ]
    assert answers["model {}"]["json"]["features"]["survey"]
    for channel in range(5):
        kept = answers[key_of("strongest", {"layer": "body", "channel": channel})]
        assert 1 <= len(kept["json"]["images"]) == len(kept["buffers"]) <= 4
    assert not [name for name in answers if name.startswith("strongest") and "stem" in name]
