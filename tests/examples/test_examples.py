"""The examples run whole, twice alike, and print whole."""

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path

import nbformat
import numpy as np
import pytest

import layersight

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PICTURES = {"lesson": 6, "chapter": 14, "lab": 6, "lecture": 6, "essay": 4}
"""How many cells of each show a picture or a table, as their documents do."""
SAID = {
    "lesson": (
        "(1, 148, 148, 32)",
        "247,105",
        "an array of shape (1, 150, 150, 3)",
        "for all four",
    ),
    "chapter": ("14,714,688", "block4_conv1", "flatten", "channel 29:"),
    "lab": ("conv2d_2", "(1, 148, 148, 32)", "window of width 4096", "differ by 0 at most"),
    "lecture": ("30,209", "(1, 150, 150, 3)", "for all 12 images"),
    "essay": ("(1, 148, 148, 32)", "(1, 74, 74, 32)", "edges      85%", "zeros      74%  92%  95%"),
}
"""What each must say, on the files that the repository brings."""


REAL = {
    "lesson": ("images/dog.1100.jpg", "max_pooling2d_3   72   64 of 128"),
    "lab": ("images/person3_virus_16.jpeg", "differ by 0 at most"),
    "lecture": ("images/IM-0115-0001.jpeg", "for all 3 images"),
    "essay": ("images/dog.1100.jpg", "zeros      78%  86%  95%  91%"),
}
"""The documents' own images, for the network of their kind, and what is said of them."""


def runner():
    spec = importlib.util.spec_from_file_location("run_examples", EXAMPLES / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def outputs(page):
    """What the cells of a notebook show: text, HTML and pictures."""
    shown = []
    for cell in nbformat.read(page.with_suffix(".ipynb"), 4).cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]
            shown.append(dict(output.get("data", {"text/plain": output.get("text", "")})))
    return shown


@pytest.fixture(autouse=True)
def files_of_the_repository(monkeypatch):
    for name in ("MODEL", "IMAGE", "OTHER", "VGG16", "PHOTOS"):
        monkeypatch.delenv(f"LAYERSIGHT_{name}", raising=False)


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_shows_what_its_document_does(name, tmp_path):
    """The shorter ones are run twice, and are the same bit for bit."""
    run = runner()
    first = outputs(run.run(name, tmp_path))
    if name in ("lesson", "essay"):
        assert first == outputs(run.run(name, tmp_path))
    shown = [each for each in first if "image/png" in each or "text/html" in each]
    assert len(shown) == PICTURES[name]
    words = "\n".join("\n".join(map(str, each.values())) for each in first)
    for part in SAID[name]:
        assert part in words, part


@pytest.mark.parametrize("name", REAL)
def test_an_example_on_real_files(name, data, tmp_path, monkeypatch):
    import keras

    network, (image, part) = data / "models/cats_dogs_150.h5", REAL[name]
    monkeypatch.setenv("LAYERSIGHT_MODEL", str(network))
    monkeypatch.setenv("LAYERSIGHT_IMAGE", str(data / image))
    monkeypatch.setenv("LAYERSIGHT_PHOTOS", str(data / "cats_dogs"))
    shown = outputs(runner().run(name, tmp_path))
    words = "\n".join("\n".join(map(str, each.values())) for each in shown)
    assert "3,453,121 in all: 3,453,121 trainable, 0 not trainable" in words
    assert part in words
    if name == "lab":
        printed = next(
            each["text/plain"] for each in shown if each["text/plain"].startswith("(1, 148")
        )
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d*", printed)]
        model = keras.models.load_model(network, compile=False)
        first = keras.Model(model.inputs[0], model.layers[0].output)
        pixels = keras.utils.img_to_array(
            keras.utils.load_img(data / image, target_size=(150, 150))
        )
        corner = keras.ops.convert_to_numpy(first(pixels[None] / 255))[0, 0, 0]
        np.testing.assert_allclose(numbers[:32], corner, atol=1e-5)
        standardised = (corner - corner.mean()) / corner.std() * 64 + 128
        np.testing.assert_allclose(numbers[32:], standardised, rtol=1e-3)


def test_a_notebook_prints_every_layer_with_its_channels(tmp_path):
    if (browser := runner()).shutil.which("chromium") is None:
        pytest.skip("no Chromium")
    import pypdf

    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), np.uint8)
    maps = layersight.activations(EXAMPLES / "xrays.keras", image, layers=":8")
    page = tmp_path / "maps.html"
    page.write_text(f"<!doctype html><body style='width:640px'>{maps._repr_html_()}", "utf-8")
    paper = pypdf.PdfReader(browser.print_pdf(page))
    words = Counter(word for part in paper.pages for word in part.extract_text().split())
    assert all(words[entry.name] >= 2 for entry in maps.layers)  # in the table, over its maps
    assert all(words[str(channel)] >= len(maps) for channel in range(32))


def test_a_script_that_no_cell_begins_is_left_out():
    notebook = runner().to_notebook(
        "# not a cell\n# %% [markdown]\n# # One\n#\n# two\n\n# %%\n1 + 1\n"
    )
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        ("markdown", "# One\n\ntwo"),
        ("code", "1 + 1"),
    ]
