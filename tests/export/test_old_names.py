"""Files of schema 1, which carry the product's old name, are still read."""

from pathlib import Path

import numpy as np
import pytest

from described import model_info
from layersight.export import read_manifest
from layersight.export.files import load
from layersight.nouns.evaluation.noun import NOUN as EVALUATION
from layersight.nouns.patterns.noun import NOUN as PATTERNS

FILES = Path(__file__).parent / "schema1"
WRITTEN = sorted(path.name for path in FILES.iterdir())


@pytest.mark.parametrize("name", WRITTEN)
def test_the_manifest_of_a_file_of_the_old_name_is_read(name):
    found = read_manifest(FILES / name)
    assert (found["schema"], found["convlens"]) == (1, "0.1.0")
    assert found["kind"] == name.partition(".")[0].replace("folder", "activations")
    assert found["model"]["name"] == "cats_dogs"


def test_every_format_with_a_manifest_is_among_them():
    suffixes = {Path(name).suffix for name in WRITTEN}
    kinds = ".gif .html .json .npz .pdf .png .svg .webp .zarr"
    assert suffixes == {"", *kinds.split()}


def model_of(name):
    saved = read_manifest(FILES / name)["model"]
    return model_info(**{name: saved[name] for name in ("name", "source", "digest", "framework")})


def test_patterns_of_the_old_name_go_on():
    found = load(FILES / "patterns.npz", PATTERNS, model_of("patterns.npz"))
    assert found.images.shape == (1, 24, 24, 3)
    assert found.objectives[0].terms[0].layer == "conv2d"


def test_an_evaluation_of_the_old_name_goes_on():
    found = load(FILES / "evaluation.npz", EVALUATION, model_of("evaluation.npz"))
    assert [row.name for row in found.rows] == ["grad-cam", "gradient"]
    assert np.isfinite(found.values).all()
