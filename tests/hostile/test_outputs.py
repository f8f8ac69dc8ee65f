"""What is written of a model whose names are hostile: nothing outside, nothing that acts.

Names of layers, of the model and of classes reach every kind of file. The controls
come first: what the checks look for, they find.
"""

import csv
import html.parser
import json
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

import layersight
from hostile.config_attacks import NAMES
from layersight.document.noun import noun_of
from layersight.export.files import suffixes_of

MORE = (
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "con",
    ".hidden",
    "</title></script><script>alert(2)</script>",
    "C:\\evil\\..\\x",
    "&lt;script&gt;",
)


OWN = {
    **dict.fromkeys(("activations", "patterns", "kernels", "heatmaps", "image"), (1, ["form"])),
    **dict.fromkeys(("evaluations", "summary"), (1, [])),
}
"""What a page brings along itself: what its controls do, and their row, where there are any."""


class Page(html.parser.HTMLParser):
    """What a browser would act on: scripts, handlers, links."""

    def __init__(self):
        super().__init__()
        self.acts = []
        self.scripts = 0

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        for name, value in attributes:
            if name.startswith("on"):
                self.acts.append(f"{tag} {name}")
            if name in ("href", "src", "action") and not (value or "").startswith(("#", "data:")):
                self.acts.append(f"{tag} {name}={value}")
        if tag in ("iframe", "object", "embed", "base", "form", "link"):
            self.acts.append(tag)


def acts_of(text):
    page = Page()
    page.feed(text)
    page.close()
    return page.scripts, page.acts


def network(names):
    """A convolution of each name, one after the other."""
    hidden = entry = keras.Input((12, 12, 3))
    for name in names:
        hidden = keras.layers.Conv2D(2, 3, padding="same", activation="relu", name=name)(hidden)
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(entry, keras.layers.Dense(2, activation="softmax")(hidden), name=names[-1])


@pytest.fixture(scope="module")
def results():
    given = [name.replace("/", "|")[:3000] for name in (*MORE, *NAMES)]
    names = [name for name in given if name == name.encode("utf-8", "ignore").decode()]
    keras.utils.set_random_seed(0)
    model = layersight.load_model(network(names), labels=tuple(names[:2]))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 12, 3), "uint8"))
    few = {"methods": ["grad-cam", "gradient"], "points": 2, "randoms": 1}
    once = {"channels": "0", "steps": 1, "size": (12, 12), "frames": 2}
    return {
        "activations": {
            "all": layersight.activations(model, image, layers="Conv2D", predictions=True),
            "one": layersight.activations(model, image, layers=":1", channels="0"),
        },
        "patterns": {
            "all": layersight.patterns(model, layers=":3", **once),
            "one": layersight.patterns(model, layers=":1", **once),
        },
        "evaluations": {
            "all": layersight.evaluate(model, image, **few),
            "one": layersight.evaluate(model, image, metrics="deletion", **few),
        },
        "kernels": {
            "all": layersight.kernels(model, layers="Conv2D"),
            "one": layersight.kernels(model, layers=":1", channels="0"),
        },
        "heatmaps": {
            "all": layersight.heatmap(model, image, method=["grad-cam", "gradient"]),
            "one": layersight.heatmap(model, image, method="grad-cam"),
        },
        "summary": {"all": model.info, "one": model.info},
        "image": dict.fromkeys(("all", "one"), layersight.load_image(image, model)),
    }


def test_the_checks_find_what_they_look_for():
    assert acts_of("<p>a</p>") == (0, [])
    assert acts_of("<script>1</script><img src=x onerror=alert(1)>")[0] == 1
    assert acts_of("<img src=x onerror=alert(1)>")[1] == ["img src=x", "img onerror"]


@pytest.mark.parametrize("what", list(OWN))
def test_no_file_says_or_does_what_a_name_wants(results, tmp_path, what):
    noun = noun_of(results[what]["one"])
    home = tmp_path / "home" / "deep"
    for suffix in [*suffixes_of(noun), *([""] if noun.folder else [])]:
        home.mkdir(parents=True)
        before = sorted(tmp_path.rglob("*"))
        given = {"view": "grid"} if (what, suffix) == ("activations", ".svg") else {}
        result = results[what]["one" if suffix == ".svg" else "all"]  # of SVG one page is written
        path = layersight.save(result, home / f"out{suffix}", **given)
        assert path == home / f"out{suffix}"
        outside = [
            p for p in tmp_path.rglob("*") if p not in before and path not in (p, *p.parents)
        ]
        assert outside == []
        for written in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
            check(written, what)
        shutil.rmtree(home)


def check(path, what):
    """Nothing in a file acts, and it can be read."""
    if path.suffix in (".png", ".gif", ".webp"):
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix == ".html":
        assert acts_of(path.read_text("utf-8")) == OWN[what]
    elif path.suffix == ".svg":
        for element in ElementTree.parse(path).iter():
            assert not element.tag.endswith(("script", "foreignObject"))
            assert not any(name.startswith("on") for name in element.attrib)
    elif path.suffix == ".json":
        json.loads(path.read_text("utf-8"))
    elif path.suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                assert not name.startswith("/")
                assert ".." not in name.split("/")
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].size for name in arrays.files)
    elif path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for line in csv.reader(file) for cell in line]
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)
    elif path.suffix == ".pdf":
        data = path.read_bytes()
        assert not any(word in data for word in (b"/JavaScript", b"/JS", b"/Launch", b"/URI"))
