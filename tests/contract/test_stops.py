"""A network of which a part cannot be computed: the rest is shown, and a note says why."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

import layersight
from layersight.cli import main
from layersight.errors import ModelInputError, SelectionError, UnsafeModelError

SIZE = (12, 12, 3)
FORMS = [pytest.param("h5", marks=pytest.mark.one_backend), "keras"]


def foreign(config, name):
    """Makes a layer of a configuration one of its author's own."""
    for entry in config["config"]["layers"]:
        if entry["config"].get("name") == name:
            entry |= {"class_name": "Own", "registered_name": "mine>Own", "module": "mine"}


def activation(config, name):
    for entry in config["config"]["layers"]:
        if entry["config"].get("name") == name:
            entry["config"]["activation"] = "own_swish"


def rewrite(path, change, name):
    """Changes the configuration of a saved model."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config, name)
            file.attrs["model_config"] = json.dumps(config)
        return path
    with zipfile.ZipFile(path) as old:
        members = {member: old.read(member) for member in old.namelist()}
    config = json.loads(members["config.json"])
    change(config, name)
    with zipfile.ZipFile(path, "w") as new:
        for member, content in members.items():
            new.writestr(member, json.dumps(config) if member == "config.json" else content)
    return path


@pytest.fixture
def network():
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input(SIZE, name="image")
    x = keras.layers.Rescaling(0.5, name="half")(x)
    x = keras.layers.Conv2D(4, 3, name="first")(x)
    x = keras.layers.Activation("relu", name="bend")(x)
    x = keras.layers.Conv2D(5, 3, activation="relu", name="second")(x)
    x = keras.layers.DepthwiseConv2D(3, name="deep")(x)
    x = keras.layers.Conv2DTranspose(6, 3, name="up")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="top")(x), name="m")


@pytest.fixture
def saved(network, tmp_path):
    def save(form, change, name):
        path = tmp_path / f"m.{form}"
        network.save(path)
        return rewrite(path, change, name)

    return save


@pytest.fixture
def image():
    return np.random.default_rng(0).random(SIZE, dtype="float32")


def values(network, layer, image):
    part = keras.Model(network.inputs[0], network.get_layer(layer).output)
    return keras.ops.convert_to_numpy(part(image[None]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", [foreign, activation])
def test_what_comes_before_is_shown(network, saved, image, form, change):
    model = layersight.load_model(saved(form, change, "bend"))
    result = layersight.activations(model, image, predictions=True)
    assert [entry.name for entry in result.layers] == ["half", "first"]
    wanted = values(network, "first", image)
    np.testing.assert_allclose(result["first"], wanted, rtol=1e-5, atol=1e-5)
    (note,) = result.notes
    why = "is of the class 'mine>Own'" if change is foreign else "has the activation 'own_swish'"
    assert note.startswith(f"layer 'bend' {why}, which Keras ")
    assert "so neither it nor the 5 layers that depend on it can be computed" in note
    assert "layersight kernels shows all its kernels; from Python, pass the live model" in note
    assert "--trust" not in note
    assert "Did you mean" not in note


@pytest.mark.one_backend
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["half", "second"])
def test_all_layers_are_listed_and_their_kernels_shown(network, saved, form, name):
    model = layersight.load_model(saved(form, activation if name == "second" else foreign, name))
    assert [layer.name for layer in model.info.layers] == [one.name for one in network.layers[1:]]
    counts = {layer.name: layer.parameters for layer in model.info.layers}
    assert counts == {one.name: one.count_params() for one in network.layers[1:]}
    result = {entry.name: entry.values for entry in layersight.kernels(model).layers}
    assert list(result) == ["first", "second", "deep", "up"]
    for key, kernels in result.items():
        wanted = keras.ops.convert_to_numpy(network.get_layer(key).kernel)
        if key == "deep":
            wanted = wanted.reshape(3, 3, 1, -1)
        np.testing.assert_array_equal(kernels, wanted.swapaxes(2, 3) if key == "up" else wanted)


@pytest.mark.one_backend
def test_a_lambda_layer_may_be_trusted(saved, image):
    def code(config, name):
        foreign(config, name)
        next(e for e in config["config"]["layers"] if e["class_name"] == "Own").update(
            class_name="Lambda", module="keras.layers", registered_name=None
        )

    (note,) = layersight.activations(
        layersight.load_model(saved("keras", code, "bend")), image
    ).notes
    assert "; --trust runs the code of a file that is your own;" in note


@pytest.mark.one_backend
def test_a_layer_that_was_asked_for_is_refused(saved, image):
    model = layersight.load_model(saved("h5", foreign, "bend"))
    words = (
        r"m\.h5: layer 'top' depends on layer 'bend', which is .*; --layers :2 chooses the layers b"
    )
    with pytest.raises(UnsafeModelError, match=words):
        layersight.activations(model, image, layers="top")
    result = layersight.activations(model, image, layers="*s*")
    assert [entry.name for entry in result.layers] == ["first"]
    assert result.notes[1] == "cannot be computed, so not shown: second"


def test_heatmaps_and_patterns(saved, image):
    model = layersight.load_model(saved("keras", foreign, "bend"))
    with pytest.raises(UnsafeModelError, match=r"'bend'.*; --target first:0 --method gradient exp"):
        layersight.heatmap(model, image)
    heat = layersight.heatmap(model, image, method="gradient", target="first:0")
    assert heat.notes[0].startswith("layer 'bend'")
    with pytest.raises(UnsafeModelError, match=r"layer 'second' depends on layer 'bend'"):
        layersight.patterns(model, "second", steps=1)
    made = layersight.patterns(model, ["first", "second"], 0, steps=1)
    assert len(made.images) == 1
    assert made.notes[0].startswith("layer 'bend'")


@pytest.mark.one_backend
def test_nothing_can_be_computed(saved, image, capsys):
    path = saved("keras", foreign, "half")
    model = layersight.load_model(path)
    for run in (
        lambda: layersight.activations(model, image),
        lambda: layersight.survey(model, image[None]),
        lambda: layersight.patterns(model),
    ):
        with pytest.raises(
            UnsafeModelError, match=r"m\.keras: no layer can be computed: .* 'half'"
        ):
            run()
    for explain in (layersight.heatmap, layersight.evaluate):
        with pytest.raises(
            UnsafeModelError, match=r"m\.keras: layer 'top' depends on layer 'half'"
        ):
            explain(model, image)
    with pytest.raises(SystemExit) as ended:
        main(["summary", str(path), "--json"])
    assert ended.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["notes"][0].startswith("layer 'half' is of the class 'mine>Own'")
    assert [layer["blocked"][:12] for layer in listed["layers"]][:2] == [
        "layer 'half'",
        "layer 'first",
    ]


@pytest.mark.one_backend
def test_kernels_that_only_their_author_knows(saved, tmp_path):
    path = saved("h5", foreign, "first")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for name in ("second", "deep", "up"):
            foreign(config, name)
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(SelectionError, match=r"layersight kernels --stored shows those that"):
        layersight.kernels(layersight.load_model(path))


@pytest.mark.one_backend
@pytest.mark.parametrize("suffix", [".json", ".html", ".pdf"])
def test_the_note_is_in_every_file(saved, image, tmp_path, suffix, capsys):
    path = saved("keras", foreign, "bend")
    np.save(tmp_path / "image.npy", image)
    out = tmp_path / f"x{suffix}"
    with pytest.raises(SystemExit) as ended:
        main(["activations", str(path), str(tmp_path / "image.npy"), "-o", str(out)])
    assert ended.value.code == 0
    screen = " ".join(capsys.readouterr().out.split())
    assert "Notes layer 'bend' is of the class 'mine>Own'" in screen
    if suffix == ".pdf":
        import pypdf

        text = " ".join(pypdf.PdfReader(out).pages[0].extract_text().split())
    else:
        text = out.read_text()
    assert "so neither it nor the 5 layers that depend on it can be computed" in text


def nameless(config, name):
    foreign(config, name)
    for entry in config["config"]["layers"]:
        if entry["class_name"] == "Own":
            entry["config"] = {"filters": 3}
            entry.pop("name", None)


@pytest.mark.one_backend
def test_layers_that_keep_their_names_to_themselves(tmp_path, image):
    keras.utils.clear_session()
    layers = [keras.layers.Conv2D(2, 3, name=name) for name in ("first", "mine_1", "last")]
    network = keras.Sequential([keras.Input(SIZE), *layers])
    network.save(tmp_path / "s.h5")
    model = layersight.load_model(rewrite(tmp_path / "s.h5", nameless, "mine_1"))
    assert [layer.parameters for layer in model.info.layers] == [56, 38, 38]
    result = layersight.activations(model, image)
    np.testing.assert_allclose(result["first"], values(network, "first", image), 1e-5, 1e-5)
    listed = {entry.name: entry.values for entry in layersight.kernels(model).layers}
    assert list(listed) == ["first", "last"]
    wanted = keras.ops.convert_to_numpy(layers[2].kernel)
    np.testing.assert_array_equal(listed["last"], wanted)


@pytest.mark.one_backend
@pytest.mark.parametrize("form", FORMS)
def test_a_stop_inside_a_nested_network(network, tmp_path, image, form):
    inputs = keras.Input(SIZE, name="outer")
    outer = keras.Model(inputs, keras.layers.Dense(3, name="end")(network(inputs)), name="o")
    path = tmp_path / f"n.{form}"
    outer.save(path)

    def inner(config, name):
        nested = next(e for e in config["config"]["layers"] if e["class_name"] == "Functional")
        foreign(nested, name)

    model = layersight.load_model(rewrite(path, inner, "bend"))
    result = layersight.activations(model, image)
    assert [entry.name for entry in result.layers] == ["m/half", "m/first"]
    np.testing.assert_allclose(result["m/first"], values(network, "first", image), 1e-5, 1e-5)
    listed = {entry.name: entry.values for entry in layersight.kernels(model).layers}
    assert list(listed) == ["m/first", "m/second", "m/deep", "m/up"]
    wanted = keras.ops.convert_to_numpy(network.get_layer("second").kernel)
    np.testing.assert_array_equal(listed["m/second"], wanted)


def test_the_inputs_that_would_do_are_named():
    keras.utils.clear_session()
    left, right = (keras.Input(SIZE, name=name) for name in ("left", "right"))
    first = keras.layers.Conv2D(2, 3, name="first")(left)
    second = keras.layers.Conv2D(2, 3, name="second")(right)
    both = keras.layers.Add(name="both")([first, second])
    model = layersight.load_model(keras.Model([left, right], both))
    given = {name: np.ones(SIZE, "float32") for name in ("left", "right")}
    with pytest.raises(ModelInputError, match=r"'right': choose one that it depends on, left$"):
        layersight.heatmap(model, given, method="gradient", target="first:0", input_name="right")
    with pytest.raises(ModelInputError, match=r"'left': choose one that it depends on, right$"):
        layersight.patterns(model, "second", 0, input_name="left", steps=1)
