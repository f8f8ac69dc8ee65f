"""Every format that a command writes, on standard output and into files."""

import json

import pytest

from layersight.export import read_manifest

PAGES = (".pdf", ".png", ".svg", ".html")
ARRAYS = (".npz", ".zarr", ".json", "")
MAGIC = {".pdf": b"%PDF-", ".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!DOCTYPE"}
MAGIC |= {".npz": b"PK", ".json": b"{"}
FEW = ("--steps", "3", "--jitter", "1")
EVALUATED = ("--method", "grad-cam,gradient", "--points", "4", "--randoms", "1")

# By command: more of it, what it writes, and what the manifest says, by the path of each fact.
OUTPUTS = {
    "activations": (
        ["IMAGE", "-l", "conv"],
        (*PAGES, *ARRAYS),
        {"images.0.original_size": {"width": 30, "height": 20}},
    ),
    "heatmap": (
        ["IMAGE"],
        (*PAGES, *ARRAYS),
        {"kind": "heatmaps", "heatmaps.0.method": "grad-cam", "heatmaps.0.layers": ["conv_1"]},
    ),
    "patterns": (
        ["-l", "conv", "-c", "1", *FEW],
        (*PAGES, *ARRAYS),
        {"kind": "patterns", "options.steps": 3, "layers.0.channels": "1"},
    ),
    "kernels": (
        ["-l", "conv_1", "-c", "1,3:5", "--columns", "3"],
        (*PAGES, ".npz", ".json"),
        {"kind": "kernels", "options.columns": 3, "layers.0.filters": "1,3-4"},
    ),
    "evaluate": (
        ["IMAGE", "GREY", *EVALUATED],
        (".pdf", ".png", ".html", ".npz", ".json"),
        {"kind": "evaluation", "measured.points": 4, "methods.1.name": "gradient"},
    ),
}


def fact(manifest, path):
    for key in path.split("."):
        manifest = manifest[int(key) if key.isdecimal() else key]
    return manifest


@pytest.mark.parametrize(
    ("command", "suffix"),
    [(name, suffix) for name, (_, suffixes, _) in OUTPUTS.items() for suffix in suffixes],
)
def test_every_output(run, here, small, photo, photos, command, suffix):
    options, _, facts = OUTPUTS[command]
    images = {"IMAGE": photo, "GREY": photos / "grey.png"}
    arguments = [images.get(option, option) for option in options]
    finished = run(command, small, *arguments, "-o", f"new/x{suffix}", "-q")
    assert (finished.out, finished.err) == ("", "")
    target = here / "new" / f"x{suffix}"
    assert target.is_dir() or target.read_bytes().startswith(MAGIC[suffix])
    manifest = read_manifest(target)
    assert manifest["model"]["source"] == str(small)
    assert {path: fact(manifest, path) for path in facts} == facts
    if command == "activations":
        assert manifest["options"]["view"] == ("grid" if suffix in (".png", ".svg") else "sheet")
    if command == "activations" and not suffix:
        assert read_manifest(target / "00-conv.png")["options"]["view"] == "grid"
    assert list(here.rglob("*.layersight-*")) == []


@pytest.mark.parametrize("options", [["-o", "-"], ["--json"], ["--json", "-o", "-"], ["-qo-"]])
@pytest.mark.parametrize(
    ("command", "path", "wanted"),
    [
        ("activations SMALL IMAGE", "layers.2.name", "conv_1"),
        ("heatmap SMALL IMAGE", "heatmaps.0.method", "grad-cam"),
        ("patterns SMALL -l conv --steps 3 --jitter 1", "options.steps", 3),
        ("kernels SMALL -l conv", "layers.0.filters.3.index", 3),
        ("image SMALL IMAGE", "shape", [1, 16, 16, 3]),
    ],
)
def test_json_on_standard_output(ok, here, small, photos, options, command, path, wanted):
    words = {"SMALL": small, "IMAGE": photos / "photo.png"}
    document = json.loads(ok(*(words.get(word, word) for word in command.split()), *options).out)
    assert fact(document, path) == wanted
    assert "file" not in document
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", ["activations", "heatmap", "patterns", "kernels"])
def test_json_besides_a_file(ok, here, small, photos, command):
    images = [photos / "photo.png"] if command in ("activations", "heatmap") else []
    options = ["-l", "conv", "-c", "0", *FEW] if command == "patterns" else []
    document = ok(command, small, *images, *options, "-o", "x.npz", "--json").json
    assert document["file"] == "x.npz"
    assert (here / "x.npz").exists()
