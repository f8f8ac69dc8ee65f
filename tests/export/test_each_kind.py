"""Files of each kind of result: the same each time, with their origin, their words and no more."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from evaluations import columns, evaluation
from evaluations import rows as methods
from export.made import NASTY, everything, make, rich_heats, rich_patterns
from galleries import gallery, mixed
from heats import WARNING, heats
from layersight.data.preprocessing import SCALES
from layersight.document.noun import load_noun
from layersight.errors import UsageError
from layersight.export import read_manifest, save
from layersight.export.files import ANIMATIONS, suffixes_of
from layersight.export.manifest import manifest_of
from layersight.nouns.heatmaps.result import select_maps as only_heatmaps
from layersight.version import __version__
from weights import everything as all_kernels
from weights import layer, weights

HOSTILE = "conv</script><b>&\u202e"
STRANGE = {
    "heatmaps": [
        heats(grey=True),
        heats(empty=(0,)),
        heats(fit="pad", names=[HOSTILE]),
        heats(size=(1, 1)),
    ],
    "patterns": [mixed(), gallery(bands=1), gallery({"a": 1}, dead=(0,))],
}
"""What must be written too, whatever it looks like."""


def few_kernels(**known):
    return weights(layer((3, 3, 3, 10), "colour", zero=(2,), wrong=(5,)), **known)


@dataclass(frozen=True)
class Case:
    """A kind of result.

    Attributes:
        make: A result with everything in it, of a model with these facts.
        small: Likewise what is on one page, as SVG holds.
        settings: How pictures look.
        paged: What makes one page of the small result.
        origin: What its manifest says, by path.
        suffixes: What it can be written as, beside pictures, arrays and numbers.
        outline: Of the PDF.
        words: In the PDF.
        title: In the metadata of files.
        said: Likewise in the description of a PNG.
    """

    make: Callable[..., Any]
    small: Callable[..., Any]
    settings: Mapping[str, Any]
    origin: Mapping[str, Any]
    suffixes: set[str]
    outline: list[str]
    words: tuple[str, ...]
    title: str
    said: str
    paged: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def written(self, path, **known):
        """A result, how it looks, and its file."""
        one = path.suffix == ".svg"
        made = (self.small if one else self.make)(**known)
        settings = {**self.settings, **(self.paged if one else {})}
        return made, settings, save(made, path, **settings)


CASES = {
    "activations": Case(
        make,
        lambda **known: dataclasses.replace(m := make(**known), layers=m.layers[:1]),
        {},
        {
            "layers.0": {"name": "conv", "channels": "0-4"},
            "images.0.preprocessing.formula": "pixels / 255",
            "options.normalise": "standardise",
        },
        {".zarr", ""},
        ["Overview", "conv", "body/pool", "line", "volume", "top"],
        ("What the network sees", "cat.png", "back to cover"),
        "small: cat.png",
        "conv 8 \u00d7 9 \u00d7 5, channels 0\u20134",
        {"view": "grid"},
    ),
    "patterns": Case(
        rich_patterns,
        lambda **known: rich_patterns(**known).take([0, 1, 2]),
        {"columns": 5},
        {
            "layers.0": {"name": "conv", "channels": "0-2", "dead": "1"},
            "options.method": "robust",
            "options.size": [12, 12],
            "preprocessing.formula": "pixels / 255",
            "picture.columns": 5,
            "natural_count": 8,
        },
        {".zarr", "", ".gif", ".webp"},
        ["Overview", "conv", "body/top"],
        ("What the network looks for", "conv", "3.25", "dead"),
        "small: patterns",
        "conv, channels 0",
        {"view": "grid"},
    ),
    "heatmaps": Case(
        rich_heats,
        lambda **known: only_heatmaps(rich_heats(**known), [0]),
        {"opacity": 0.5},
        {
            "heatmaps.0.method": "grad-cam",
            "heatmaps.0.layers": ["conv_2"],
            "heatmaps.0.score": 0.8,
            "heatmaps.0.target.unit": 3,
            "heatmaps.0.target.name": "dog",
            "heatmaps.0.scale.low": 0,
            "heatmaps.0.scale.high": pytest.approx(0.5, abs=0.02),
            "options.score": "logit",
            "picture.opacity": 0.5,
            "images.0.preprocessing.formula": "pixels / 255",
            "notes": ["layer conv_2 chosen: the last with maps"],
            "warnings": {"occlusion": WARNING},
        },
        {".zarr", ""},
        ["Overview", "photo0.jpg", "photo1.jpg"],
        ("Which pixels decided", "photo1.jpg", "dog", "Grad-CAM", "score 0.8", "back to cover"),
        "small: heatmaps of photo0.jpg, photo1.jpg",
        "dog, Grad-CAM, score 0.8",
    ),
    "kernels": Case(
        functools.partial(all_kernels, preprocessing=SCALES["caffe"]),
        functools.partial(few_kernels, preprocessing=SCALES["caffe"]),
        {"columns": 5},
        {
            "layers.0": {
                "name": "colour",
                "filters": "0-9",
                "kernel": [3, 3, 3],
                "limit": 1.0,
                "zero": "2",
            },
            "options": {"columns": 5, "order": "BGR"},
        },
        set(),
        ["colour", "body/depthwise", "many", "mix"],
        ("strongest 5 of 20 inputs", "spatial patterns, share", "zero", "not a number"),
        "small: kernels",
        "scale \u00b11",
    ),
    "evaluation": Case(
        functools.partial(evaluation, 3),
        functools.partial(evaluation, 3, measures=columns("deletion", "insertion")),
        {},
        {"measured.points": 32, "methods.0.name": "grad-cam", "methods.0.grain": [7, 7]},
        {".csv"},
        ["Overview", "Method by method", "What the numbers are"],
        (
            "How far the heatmaps can be believed",
            "Grad-CAM",
            "Random maps of",
            "56 \u00d7 56",
            "Centre of the image",
            "low is good",
            "Petsiuk, Das and Saenko",
            "It misleads.",
        ),
        "small: heatmaps measured",
        "grad-cam: deletion 0.",
    ),
}
FILES = [
    (kind, suffix)
    for kind, case in CASES.items()
    for suffix in (*suffixes_of(load_noun(kind)), *({""} & case.suffixes))
]
"""Each kind with each suffix that it can have; none is a folder."""


def at(found, path):
    """What is at a path of a JSON document."""
    for part in path.split("."):
        found = found[int(part) if part.isdecimal() else part]
    return found


@pytest.mark.parametrize("kind", CASES)
def test_every_suffix_is_there(kind):
    usual = {".pdf", ".png", ".svg", ".html", ".npz", ".json"}
    assert {suffix for each, suffix in FILES if each == kind} == usual | CASES[kind].suffixes


@pytest.mark.parametrize(("kind", "suffix"), FILES)
def test_writing_twice_gives_the_same_bytes(tmp_path, kind, suffix):
    first, second = (CASES[kind].written(tmp_path / f"{n}{suffix}")[2] for n in ("one", "two"))
    if first.is_dir():
        assert everything(first) == everything(second) != {}
    else:
        assert first.read_bytes() == second.read_bytes() != b""


@pytest.mark.parametrize(("kind", "suffix"), [file for file in FILES if file[1] != ".csv"])
def test_the_origin_is_read_back_whole(tmp_path, kind, suffix):
    case, name = CASES[kind], HOSTILE + NASTY
    known = {"name": name}
    if kind != "evaluation":
        known |= {"source": name, "rewrites": (name,)}
    made, settings, path = case.written(tmp_path / f"out{suffix}", **known)
    found = read_manifest(path)
    options = load_noun(kind).options(**settings)
    assert found == json.loads(json.dumps(manifest_of(made, options)))
    assert (found["schema"], found["layersight"], found["kind"]) == (2, __version__, kind)
    assert found["model"]["name"] == name
    for key, value in {"notes": ["a note"], **case.origin}.items():
        assert at(found, key) == value, key


@pytest.mark.parametrize(("kind", "suffix"), [file for file in FILES if file[0] in STRANGE])
def test_whatever_they_are_they_can_be_written(tmp_path, kind, suffix):
    for number, made in enumerate(STRANGE[kind]):
        settings = {"view": "grid"} if kind == "patterns" else {}
        if suffix in ANIMATIONS:
            frames = np.stack([made.images, made.images])
            made = dataclasses.replace(made, frames=frames, frame_steps=(0, 7))
        assert save(made, tmp_path / f"out{number}{suffix}", **settings).exists()


@pytest.mark.parametrize("kind", CASES)
def test_a_pdf_has_its_text_and_an_outline(tmp_path, kind):
    case = CASES[kind]
    document = PdfReader(io.BytesIO(case.written(tmp_path / "x.pdf")[2].read_bytes()))
    assert [
        entry["/Title"] for entry in document.outline if isinstance(entry, dict)
    ] == case.outline
    told = "\n".join(page.extract_text() for page in document.pages)
    for part in case.words:
        assert part in told
    assert document.metadata is not None
    assert document.metadata.title == case.title


@pytest.mark.parametrize(
    ("made", "leads"),
    [
        (heats(images=2), [1, 2]),
        (gallery({"edges": 3, "parts": 12}), [1, 1]),
    ],
)
def test_the_first_page_of_a_pdf_leads_to_the_others(tmp_path, made, leads):
    document = PdfReader(io.BytesIO(save(made, tmp_path / "x.pdf").read_bytes()))
    links = (link["/Dest"][0].get_object() for link in document.pages[0]["/Annots"])
    assert [document.get_page_number(page) for page in links] == leads
    told = "\n".join(page.extract_text() for page in document.pages)
    assert ("8 of 12, see all" in told) == (leads == [1, 1])
    assert document.metadata is not None
    subject = "layer conv_2" if leads == [1, 2] else "Method robust"
    assert subject in (document.metadata.subject or "")


@pytest.mark.parametrize("kind", CASES)
def test_a_png_says_what_it_is(tmp_path, kind):
    case = CASES[kind]
    with Image.open(case.written(tmp_path / "x.png")[2]) as image:
        image.load()
        assert image.text["Title"] == case.title
        assert case.said in image.text["Description"]
        assert image.text["Software"] == f"layersight {__version__}"


@pytest.mark.parametrize("kind", CASES)
def test_a_page_is_whole_and_safe(tmp_path, kind):
    made, _, path = CASES[kind].written(tmp_path / "x.html", name=HOSTILE)
    text = path.read_text("utf-8")
    assert "<b>&\u202e" not in text
    identities = re.findall(r' id="([^"]*)"', text)
    assert len(identities) == len(set(identities))
    assert re.findall(r'(?:src|href)="(?!#|data:)', text) == []
    assert text.count("<svg ") == text.count("</svg>")
    if kind == "kernels":
        assert text.count('<section class="layer') == len(made)
        assert "a note" in text
        assert text.count("mid grey is 0. One scale for the layer, ±1.") >= 1


def test_a_page_of_an_evaluation_holds_the_table_and_every_metric(tmp_path):
    both = (dataclasses.replace(methods("grad-cam")[0], layers=(HOSTILE,)), *methods("gradient"))
    made = evaluation(3, methods=both, name=HOSTILE, notes=(HOSTILE,), explained=HOSTILE)
    text = save(made, tmp_path / "x.html").read_text("utf-8")
    assert "<b>&\u202e" not in text
    assert text.count("<svg ") >= len(made.columns)
    for column in made.columns:
        assert column.title in text


SOME = {
    "activations": lambda: make(2),
    "patterns": lambda: gallery({"a": 10, "b": 1}),
    "heatmaps": lambda: heats(images=2),
    "kernels": lambda: weights(layer((3, 3, 40, 60))),
    "evaluation": lambda: evaluation(2),
}
CANNOT = r"cannot write '{}': expected one of \.pdf, .*\.json\.$"
SEVERAL = r"SVG holds one page and this view has \d+: "


@pytest.mark.parametrize(
    ("kind", "path", "settings", "words"),
    [
        ("activations", "x.jpg", {}, r"cannot write 'x\.jpg': .* without a suffix\. Did you mean"),
        ("activations", "x.nzp", {}, r"Did you mean \.npz"),
        ("activations", "x.h5", {}, "cannot write 'x.h5'"),
        ("activations", "", {}, "expected a file or folder to write, found an empty name"),
        ("activations", "x.png", {"colum": 4}, "unknown option 'colum': expected one of "),
        (
            *("activations", "x.png", {"view": "grd"}),
            "unknown view 'grd': expected one of sheet, grid, channel, across",
        ),
        ("activations", "x.png", {"normalise": "x"}, "unknown normalise 'x'"),
        ("activations", "x.png", {"columns": 0}, "columns as a whole number of at least 1"),
        ("activations", "x.png", {"contrast": 0}, "contrast as a number above 0"),
        ("activations", "x.svg", {"view": "grid"}, f"{SEVERAL}choose one layer with --layers"),
        ("patterns", "x.bmp", {}, r"'x.bmp': expected one of .pdf, .*\.gif, \.webp, .*\.zarr or"),
        ("patterns", "x.png", {"colum": 4}, "unknown option 'colum': .*Did you mean columns"),
        ("patterns", "x.png", {"normalise": "layer"}, "unknown option 'normalise'"),
        (
            *("patterns", "x.png", {"view": "channel"}),
            "unknown view 'channel': expected one of pattern, grid",
        ),
        ("patterns", "x.png", {"columns": 0}, "columns as a whole number of at least 1"),
        ("patterns", "x.svg", {"view": "sheet"}, f"{SEVERAL}choose one layer"),
        ("heatmaps", "x.bmp", {}, r"cannot write 'x.bmp': expected one of .pdf, .*\.zarr or"),
        ("heatmaps", "x.gif", {}, r"cannot write 'x.gif'"),
        ("heatmaps", "x.png", {"opacty": 4}, "unknown option 'opacty': .*Did you mean opacity"),
        (
            *("heatmaps", "x.png", {"view": "grid"}),
            "unknown view 'grid': expected one of single, overlay, row, table",
        ),
        ("heatmaps", "x.svg", {}, f"{SEVERAL}choose one image and one target"),
        ("kernels", "x.bmp", {}, CANNOT.format("x.bmp")),
        ("kernels", "x.zarr", {}, CANNOT.format("x.zarr")),
        ("kernels", "folder", {}, CANNOT.format("folder")),
        ("kernels", "x.png", {"colum": 4}, "unknown option 'colum': .*Did you mean columns"),
        ("kernels", "x.png", {"view": "grid"}, "unknown option 'view'"),
        ("kernels", "x.png", {"columns": 0}, "columns as a whole number of at least 1"),
        ("kernels", "x.svg", {}, f"{SEVERAL}choose one layer"),
        ("evaluation", "x.bmp", {}, CANNOT.format("x.bmp")),
        ("evaluation", "x.zarr", {}, "cannot write 'x.zarr'"),
        ("evaluation", "folder", {}, "cannot write 'folder'"),
        ("evaluation", "x.png", {"colums": 4}, "unknown option 'colums': .* Did you mean columns"),
        ("evaluation", "x.svg", {}, f"{SEVERAL}choose fewer methods"),
    ],
)
def test_wrong_requests(tmp_path, monkeypatch, kind, path, settings, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        save(SOME[kind](), path, **settings)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
