"""Methods and metrics are known by the folder that they stand in."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from layersight.data.fields import options_of
from layersight.errors import UsageError
from layersight.nouns.heatmaps.request import METHODS, METRICS, HeatmapOptions, MeasureOptions
from layersight.nouns.registry import find, load, scan

NAMES = {
    "layersight.nouns.heatmaps.methods": (
        "grad-cam grad-cam++ hirescam xgrad-cam layercam refine-cam cam score-cam ablation-cam "
        "eigencam gradient gradient-x-input smoothgrad integrated-gradients guided-backprop "
        "occlusion rise activation"
    ),
    "layersight.nouns.heatmaps.metrics": (
        "deletion insertion road average-drop increase average-gain sensitivity randomisation"
    ),
    "layersight.nouns.patterns.methods": "robust classic maco",
}


@pytest.mark.parametrize("package", NAMES)
def test_what_is_read_from_a_file_is_what_importing_it_gives(package):
    declared, loaded = scan(package), load(package)
    assert list(declared) == list(loaded) == NAMES[package].split()
    for name, entry in loaded.items():
        assert (entry.name, entry.order) == (name, declared[name].order)
        assert getattr(entry, "options", ()) == declared[name].options
    assert len({each.order for each in declared.values()}) == len(declared)


def test_a_new_file_is_all_that_a_new_method_takes(tmp_path, monkeypatch):
    folder = tmp_path / "some_methods"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "shared.py").write_text("raise AssertionError('is no method')")
    declaration = "name='{0}', order={1}, options=(Option('size', 3, help='Of it.', low=1),),"
    for name, order in (("one", 2), ("other", 1)):
        (folder / f"{name}.py").write_text(
            "from layersight.data.fields import Option\n"
            f"METHOD = dict(\n    {declaration.format(name, order)}\n    call=lambda: 5,\n)\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    assert list(scan("some_methods")) == ["other", "one"]
    assert "some_methods.one" not in sys.modules
    (declared,) = scan("some_methods")["one"].options
    assert (declared.name, declared.default, declared.kind, declared.low) == ("size", 3, int, 1)
    assert load("some_methods")["one"]["call"]() == 5


def test_the_options_of_methods_and_metrics_are_those_of_requests():
    for declared, request in ((METHODS, HeatmapOptions), (METRICS, MeasureOptions)):
        known = {
            name: dataclasses.replace(option, annotation="")  # which a file need not say
            for name, option in options_of(request).items()
        }
        assert all(option.help.endswith(".") for option in known.values())
        own = [option for each in declared.values() for option in each.options]
        assert {option.name: option for option in own}.items() <= known.items()


def test_an_unknown_name_gets_near_ones():
    with pytest.raises(UsageError, match=r"unknown method 'on': expected one of one, two. Did you"):
        find({"one": 1, "two": 2}, "on", "method")


def test_names_and_options_are_known_without_numpy():
    code = (
        "import sys; from layersight.nouns.heatmaps.request import METHODS, HeatmapOptions; "
        "import layersight.nouns.patterns.request; "
        "assert METHODS and HeatmapOptions().steps == 64; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'keras', 'PIL')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
