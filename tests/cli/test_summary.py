"""``layersight summary``."""

import h5py
import keras
import pytest

from layersight.version import __version__


@pytest.mark.parametrize("name", ["small.keras", "small.h5"])
def test_a_table_of_the_layers(ok, models, name):
    finished = ok("summary", models / name)
    assert finished.rows[0].startswith("small ")
    assert finished.rows[1].startswith(f"{models / name} | sha256 ")
    assert finished.rows[2].startswith("5 layers | 787 parameters | input 16 x 16 x 3 | keras ")
    assert any(row.startswith("output top (") for row in finished.rows)
    assert "parameters 787 in all: 787 trainable, 0 not trainable" in finished.rows
    assert "1 conv Conv2D 14 x 14 x 4 112 3 x 3 1 x 1 3 x 3" in finished.rows
    assert "2 pool MaxPooling2D 7 x 7 x 4 0 2 x 2 2 x 2 4 x 4" in finished.rows
    assert "5 top Dense 3 453" in finished.rows


def test_the_document(run, small):
    document = run("summary", small, "--json").json
    assert document["input_shape"] == [None, 16, 16, 3]
    assert document["parameters"] == 787
    assert document["layersight"] == __version__
    assert [layer["name"] for layer in document["layers"]] == [
        "conv",
        "pool",
        "conv_1",
        "flat",
        "top",
    ]
    first = document["layers"][0]
    assert first["output_shape"] == [None, 14, 14, 4]
    assert (first["type"], first["parameters"]) == ("Conv2D", 112)
    assert document["digest"].startswith("sha256:")


def test_parameters_that_training_leaves_alone(run, tmp_path):
    shared = keras.layers.Dense(4, name="shared")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="top")(shared(shared(inputs))))
    shared.trainable = False
    model.save(tmp_path / "frozen.keras")
    finished = run("summary", tmp_path / "frozen.keras")
    assert "parameters 30 in all: 10 trainable, 20 not trainable" in finished.rows
    document = run("summary", tmp_path / "frozen.keras", "--json").json
    assert (document["parameters"], document["trainable_parameters"]) == (30, 10)


def test_an_architecture_without_its_top(run):
    document = run("summary", "VGG16:notop", "--weights", "random", "--json").json
    assert document["input_shape"] == [None, None, None, 3]
    assert (document["parameters"], document["trainable_parameters"]) == (14_714_688, 14_714_688)
    assert [layer["name"] for layer in document["layers"]][-2:] == ["block5_conv3", "block5_pool"]
    assert document["preprocessing"]["name"] == "caffe"


def test_a_model_of_any_size_and_one_without_an_image(run, models):
    assert "? x ? x 3" in " ".join(run("summary", models / "any.keras").rows)
    assert "10" in run("summary", models / "features.keras").out


def test_what_each_input_takes(run, tmp_path):
    digits, words = keras.Input((144,), name="digits"), keras.Input((5,), name="words")
    maps = keras.layers.Flatten()(keras.layers.Reshape((12, 12, 1))(digits))
    read = keras.layers.Flatten()(keras.layers.Embedding(20, 4)(words))
    model = keras.Model(
        {"digits": digits, "words": words}, keras.layers.Concatenate()([maps, read])
    )
    model.save(tmp_path / "both.keras")
    rows = run("summary", tmp_path / "both.keras").rows
    assert "input digits 144, a picture of 12 x 12 x 1" in rows
    assert "input words 5, whole numbers from 0 to 19" in rows
    document = run("summary", tmp_path / "both.keras", "--json").json["inputs"]
    assert [(entry["key"], entry["picture"], entry["vocabulary"]) for entry in document] == [
        ("digits", [12, 12, 1], None),
        ("words", None, 20),
    ]


def test_an_architecture_by_name(ok):
    finished = ok("summary", "MobileNetV2", "--weights", "random")
    assert "preprocessing -1..1: pixels / 127.5 - 1 (as MobileNetV2 was trained)" in finished.rows
    assert "block_16_project" in finished.out


def test_weights_alone_with_the_network_they_belong_to(ok, small, tmp_path):
    model = keras.models.load_model(small, compile=False)
    (tmp_path / "small.json").write_text(model.to_json())
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = names
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array
    finished = ok("summary", tmp_path / "weights.h5", "--architecture", tmp_path / "small.json")
    assert finished.rows[0].startswith("small ")
    assert finished.rows[2].startswith("5 layers | 787 parameters")


def test_weights_that_are_no_numbers_are_named(run, models):
    finished = run("summary", models / "nan.keras")
    assert "weights that are not finite numbers: conv/kernel" in finished.rows
    notes = run("summary", models / "nan.keras", "--json").json["notes"]
    assert notes == ["weights that are not finite numbers: conv/kernel"]


def test_version_and_help(run, ok):
    assert run("--version").out == f"layersight {__version__}\n"
    for command in ("summary", "activations", "demo"):
        finished = ok(command, "--help")
        assert f"Example: layersight {command}" in finished.out
    run("-h")
