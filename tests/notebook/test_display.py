"""What every result can do: show itself, be plotted by name, become a file, a table, a data set."""

import inspect
import subprocess
import sys
import types

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import layersight
from evaluations import evaluation
from frameworks.test_forward_only import toy
from galleries import gallery
from heats import heats
from layersight.errors import OutputError, UsageError
from layersight.nouns.activations.result import Activations
from maps import photo, result, small_network
from weights import layer, weights

RESULTS = {
    "activations": small_network,
    "patterns": gallery,
    "kernels": lambda: weights(layer((3, 3, 3, 4))),
    "heatmaps": heats,
    "evaluation": evaluation,
    "summary": lambda: toy().info,
    "image": photo,
}
OPTIONS = {
    "activations": {"view", "image", "layer", "channel", "columns", "normalise", "colormap"},
    "patterns": {"view", "layer", "channel", "columns"},
    "kernels": {"layer", "channel", "columns"},
    "heatmaps": {"view", "image", "method", "opacity", "smooth"},
    "evaluation": set(),
    "summary": set(),
    "image": set(),
}
each = pytest.mark.parametrize("kind", RESULTS)


@each
def test_plot_names_its_options(kind):
    shown = RESULTS[kind]()
    signature = inspect.signature(shown.plot)
    assert {"ax", *OPTIONS[kind]} <= set(signature.parameters)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert next(iter(inspect.signature(type(shown).plot).parameters)) == "self"
    words = inspect.getdoc(shown.plot)
    assert all(f"{name}: " in words for name in signature.parameters)


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("activations", {"layers", "scale", "fit", "size", "seed"}),
        ("load_image", {"scale", "fit", "interpolation"}),
        ("patterns", {"channels", "steps", "rate", "jitter", "precision"}),
        ("heatmap", {"target", "baseline", "samples", "window", "scale"}),
        ("evaluate", {"metrics", "points", "randoms", "samples", "fit"}),
        ("survey", {"layers", "top", "engine", "scale"}),
    ],
)
def test_verbs_name_their_options(verb, options):
    parameters = inspect.signature(getattr(layersight, verb)).parameters
    assert options <= set(parameters)
    assert "options" not in parameters


def test_the_defaults_are_those_of_a_figure():
    parameters = inspect.signature(Activations.plot).parameters
    assert (parameters["view"].default, parameters["columns"].default) == ("grid", 16)
    assert isinstance(Activations.plot(small_network(), layer="pool"), Figure)


@each
def test_a_result_is_one_short_line(kind):
    text = repr(RESULTS[kind]())
    assert text.startswith("<")
    assert text.endswith(">")
    assert len(text) < 160
    assert "\n" not in text
    assert "(s)" not in text


def test_a_model_shows_itself_as_its_summary():
    model = toy()
    assert repr(model) == repr(model.info)
    assert "layers" in repr(model)
    assert model._repr_html_() == model.info._repr_html_()


def test_save_is_a_method(tmp_path):
    path = small_network().save(tmp_path / "maps.png", view="grid", columns=4)
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match="unknown option 'colour'"):
        small_network().save(tmp_path / "maps.png", colour="red")


def test_tables():
    maps = small_network()
    frame = maps.to_dataframe()
    counts = sum(len(entry.channels) for entry in maps.layers)
    assert len(frame) == counts * len(maps.images)
    entry = maps.layers[0]
    row = frame[(frame.layer == entry.name) & (frame.channel == entry.channels[2])].iloc[0]
    assert row["mean"] == pytest.approx(float(entry.statistics.mean[0, 2]))
    assert frame.dead.dtype == bool
    kernels = RESULTS["kernels"]().to_dataframe()
    assert list(kernels["filter"]) == [0, 1, 2, 3]
    assert list(gallery().to_dataframe().columns[:2]) == ["layer", "channel"]
    assert list(toy().info.to_dataframe().layer) == [one.name for one in toy().info.layers]
    heat = heats(methods=("grad-cam", "gradient")).to_dataframe()
    assert list(heat.method) == ["grad-cam", "gradient"]
    scores = evaluation().to_dataframe()
    assert pd.api.types.is_float_dtype(scores.value)


def test_data_sets():
    maps = small_network()
    found = maps.to_xarray()
    for name, array in maps.items():
        np.testing.assert_array_equal(found[name].values, array)
        assert found[name].dims[0] == "image"
    assert found["conv"].attrs["channels"] == list(maps.layer("conv").channels)
    heat = heats(images=2)
    assert heat.to_xarray()["values"].shape[0] == len(heat)


def test_what_has_neither_says_so():
    with pytest.raises(UsageError, match="'image' holds no table"):
        photo().to_dataframe()
    with pytest.raises(UsageError, match="'summary' holds no arrays"):
        toy().info.to_xarray()


@pytest.mark.parametrize("package", ["pandas", "xarray"])
def test_a_missing_package_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    shown = small_network()
    make = shown.to_dataframe if package == "pandas" else shown.to_xarray
    with pytest.raises(OutputError, match=rf"pip install 'layersight\[{package}\]'"):
        make()


def words(axes):
    return {text.get_text() for text in axes.texts}


def test_a_grid_goes_into_axes_of_the_users():
    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    maps = small_network()
    assert maps.plot(ax=left, layer="conv", columns=4) is figure
    assert {"conv", "0", "3"} <= words(left)
    assert left.child_axes
    assert not right.child_axes
    assert not figure.texts, "nothing is written outside of the axes"


def test_a_map_in_axes_has_its_own_pixels_and_its_scale():
    values = np.arange(49, dtype=np.float32).reshape(7, 7, 1)
    axes = Figure().subplots()
    result({"conv": values}).plot(ax=axes, layer="conv", channel=0)
    (drawn,) = axes.images
    assert drawn.get_array().shape == (7, 7, 3)
    assert axes.get_xlim() == (-0.5, 6.5)
    assert axes.get_title().startswith("conv, channel 0")
    assert axes.get_xlabel() == "colours from 0 to 48"


def test_a_heatmap_in_axes_is_the_one_over_its_photograph():
    axes = Figure().subplots()
    shown = heats()
    shown.plot(ax=axes)
    (drawn,) = axes.images
    assert drawn.get_array().shape[:2] == shown.photographs[0].pixels.shape[:2]
    assert axes.get_xlabel().startswith("colours from 0 to ")


def test_what_does_not_go_into_axes_is_said():
    axes = Figure().subplots()
    with pytest.raises(UsageError, match="takes one picture or grid, found 5: name one of conv"):
        small_network().plot(ax=axes)
    with pytest.raises(UsageError, match="found 0: leave it out"):
        toy().info.plot(ax=axes)
    with pytest.raises(UsageError, match="expected ax= as axes of Matplotlib, found Figure"):
        small_network().plot(ax=Figure(), layer="conv")


def test_a_figure_is_a_picture_of_its_own_size():
    figure = small_network().plot()
    png, size = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    wide, tall = figure.get_size_inches()
    assert size == {"width": round(100 * wide), "height": round(100 * tall)}


def test_a_figure_of_very_many_maps_can_be_shown():
    figure = small_network().plot()
    figure.set_size_inches(0.1, 700)
    png, _ = figure._repr_png_()
    assert png.startswith(b"\x89PNG")


def test_show_without_a_window_says_what_to_do():
    code = (
        "import sys, warnings; sys.path.insert(0, 'tests'); warnings.simplefilter('always'); "
        "from maps import small_network; small_network().plot().show()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "", "MPLBACKEND": "agg"},
    )
    assert done.stdout == ""
    assert "no window can be opened here (Matplotlib runs on agg): write the figure" in done.stderr


def test_show_opens_a_window_and_waits(monkeypatch):
    done = []

    class Manager(FigureManagerBase):
        def show(self):
            done.append("shown")

        @classmethod
        def start_main_loop(cls):
            done.append("waited")

    class Canvas(FigureCanvasAgg):
        required_interactive_framework = "windows"
        manager_class = Manager

    module = types.ModuleType("windows_for_a_test")
    module.FigureCanvas, module.FigureManager = Canvas, Manager
    monkeypatch.setitem(sys.modules, "windows_for_a_test", module)
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://windows_for_a_test")
    small_network().plot().show()
    assert done == ["shown", "waited"]
