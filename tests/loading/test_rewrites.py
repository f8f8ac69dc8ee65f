"""Each rewrite on a configuration of a few lines."""

from __future__ import annotations

import pytest

from layersight.errors import LayersightError, ModelFileError, UnsafeModelError
from layersight.loading.rewrites import (
    activations,
    classes,
    keras1,
    lambdas,
    names,
    nodes,
    operations,
    sequential,
    settings,
    upgrade,
)
from layersight.loading.rewrites.walking import tensor


def layer(kind, name="x", **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def node(name, *, nodes=None, kind="Activation", **config):
    return {**layer(kind, name, **config), "name": name, "inbound_nodes": nodes or []}


def graph(*layers, outputs=None, inputs=None, name="model"):
    last = layers[-1]["name"]
    return {
        "class_name": "Functional",
        "config": {
            "name": name,
            "layers": list(layers),
            "input_layers": inputs or [["input", 0, 0]],
            "output_layers": outputs or [[last, 0, 0]],
        },
    }


def entry():
    return node("input", kind="InputLayer", batch_shape=[None, 8])


def sequence(*layers):
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def test_a_bare_list_of_layers_gets_a_name():
    config = {"class_name": "Sequential", "config": [layer("Dense")]}
    assert sequential.name_sequential_layers(config) == 1
    assert config["config"]["name"] == "sequential"


def test_the_shape_on_the_first_layer_becomes_an_input_layer():
    config = sequence(layer("Dense", "d", batch_input_shape=[None, 3], units=2))
    assert sequential.add_input_layer(config) == 1
    first = config["config"]["layers"][0]
    assert first["class_name"] == "InputLayer"
    assert first["config"]["batch_shape"] == [None, 3]


def test_the_shape_inside_a_nested_sequential_is_found():
    inner = sequence(layer("Dense", "d", batch_input_shape=[None, 3], units=2))
    config = sequence(inner, layer("Dense", "e", units=1))
    assert sequential.add_input_layer(config) == 2
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 3]


@pytest.mark.parametrize(("old", "new"), keras1.CLASSES.items())
def test_classes_of_keras_1(old, new):
    config = layer(old)
    assert keras1.rename_classes(config) == 1
    assert config["class_name"] == new


def test_settings_of_keras_1():
    config = layer(
        "Conv2D", nb_filter=4, nb_row=3, nb_col=5, subsample=[2, 2], border_mode="same",
        dim_ordering="th", bias=True, W_regularizer=None, init="glorot_uniform",
    )  # fmt: skip
    assert keras1.rename_settings(config) == 1
    assert config["config"] == {
        "name": "x",
        "filters": 4,
        "kernel_size": [3, 5],
        "strides": [2, 2],
        "padding": "same",
        "data_format": "channels_first",
        "use_bias": True,
        "kernel_regularizer": None,
        "kernel_initializer": "glorot_uniform",
    }


def test_settings_whose_meaning_hangs_on_the_layer():
    for kind, old, new in [("Dense", "output_dim", "units"), ("Dropout", "p", "rate")]:
        config = layer(kind, **{old: 3})
        keras1.rename_settings(config)
        assert config["config"][new] == 3
    embedding = layer("Embedding", output_dim=3)
    assert keras1.rename_settings(embedding) == 0


def test_a_normalisation_of_another_mode_is_an_error():
    assert keras1.check_normalisation_mode(layer("BatchNormalization", mode=0)) == 1
    with pytest.raises(ModelFileError, match="mode 1"):
        keras1.check_normalisation_mode(layer("BatchNormalization", mode=1))


def test_the_output_shape_of_a_deconvolution_is_dropped():
    config = layer("Conv2DTranspose", output_shape=[None, 4, 4, 1])
    assert keras1.drop_output_shape(config) == 1


def test_a_flatten_takes_the_axes_as_they_are():
    config = layer("Flatten")
    keras1.flatten_as_stored(config)
    assert config["config"]["data_format"] == "channels_last"


@pytest.mark.parametrize(("mode", "kind"), sequential.MODES.items())
def test_merge_by_mode(mode, kind):
    config = layer("Merge", mode=mode, concat_axis=1)
    assert sequential.replace_merge(config) == 1
    assert config["class_name"] == kind


def test_merge_by_a_function_is_refused():
    with pytest.raises(ModelFileError, match="'x' merges by a function"):
        sequential.replace_merge(layer("Merge", mode="lambda"))


def test_models_and_packages():
    config = {**graph(entry()), "class_name": "Model"}
    assert classes.name_functional(config) == 1
    assert config["class_name"] == "Functional"
    assert classes.drop_packages(layer("Keras>Dense")) == 1
    assert classes.drop_packages(layer("Custom>Dense")) == 0


def test_a_class_of_the_authors_own_is_told_apart():
    config = {**layer("Attention"), "registered_name": "Custom>Attention"}
    classes.keep_foreign(config)
    assert config["class_name"] == "Custom>Attention"
    config = {**layer("Attention"), "module": "__main__", "registered_name": "Attention"}
    classes.keep_foreign(config)
    assert config["class_name"] == "__main__>Attention"
    config = {**layer("Attention"), "module": "keras.layers", "registered_name": None}
    classes.keep_foreign(config)
    assert config["class_name"] == "Attention"


def test_layers_of_libraries():
    config = layer("FixedDropout", rate=0.2)
    assert classes.name_library_layers(config) == 1
    assert config["class_name"] == "Dropout"


def test_slashes_in_names():
    config = graph(
        entry(), node("a/b", nodes=[[["input", 0, 0, {}]]]), node("c", nodes=[[["a/b", 0, 0, {}]]])
    )
    assert names.replace_slashes(config) == 1
    assert config["config"]["layers"][1]["name"] == "a_b"
    assert config["config"]["layers"][2]["inbound_nodes"] == [[["a_b", 0, 0, {}]]]


def test_names_stand_in_both_places():
    config = graph(entry())
    del config["config"]["layers"][0]["config"]["name"]
    names.name_every_layer(config)
    assert config["config"]["layers"][0]["config"]["name"] == "input"


def test_nodes_become_those_of_keras_3():
    config = graph(entry(), node("a", nodes=[[["input", 0, 0, {"training": False}]]]))
    assert nodes.spread_nodes(config) == 1
    assert config["config"]["layers"][1]["inbound_nodes"] == [
        {"args": [tensor("input", 0, 0)], "kwargs": {"training": False}}
    ]


def test_a_tensor_among_the_settings_of_a_node():
    config = graph(entry(), node("a", nodes=[["input", 0, 0, {"y": ["input", 0, 0], "z": 1.5}]]))
    nodes.spread_nodes(config)
    given = config["config"]["layers"][1]["inbound_nodes"][0]
    assert given["kwargs"] == {"y": tensor("input", 0, 0), "z": 1.5}


def test_a_constant_as_the_first_argument():
    config = graph(entry(), node("a", nodes=[["_CONSTANT_VALUE", -1, 2.0, {"y": ["input", 0, 0]}]]))
    nodes.spread_nodes(config)
    assert config["config"]["layers"][1]["inbound_nodes"][0]["args"] == [2.0]


def test_a_merging_layer_keeps_its_list():
    config = graph(entry(), node("a", kind="Add", nodes=[[["input", 0, 0], ["input", 0, 0]]]))
    nodes.spread_nodes(config)
    args = config["config"]["layers"][1]["inbound_nodes"][0]["args"]
    assert args == [[tensor("input", 0, 0), tensor("input", 0, 0)]]


def test_a_state_is_given_by_name():
    config = graph(entry(), node("a", kind="LSTM", nodes=[[["input", 0, 0], ["input", 0, 0]]]))
    nodes.spread_nodes(config)
    given = config["config"]["layers"][1]["inbound_nodes"][0]
    assert given["args"] == [tensor("input", 0, 0)]
    assert given["kwargs"] == {"initial_state": [tensor("input", 0, 0)]}


def test_one_output_is_no_list():
    config = graph(entry())
    nodes.name_outputs(config)
    assert config["config"]["output_layers"] == tensor("input", 0, 0)


def test_calls_of_nested_models_count_from_zero():
    inner = {**graph(entry(), name="inner"), "name": "inner"}
    inner["inbound_nodes"] = [[["input", 0, 0, {}]]]
    config = graph(
        entry(), inner, node("a", nodes=[[["inner", 1, 0, {}]]]), outputs=[["inner", 1, 0]]
    )
    for step in (nodes.spread_nodes, nodes.name_outputs, nodes.count_from_zero):
        step(config)
    assert config["config"]["output_layers"] == tensor("inner", 0, 0)
    assert config["config"]["layers"][2]["inbound_nodes"][0]["args"] == [tensor("inner", 0, 0)]


@pytest.mark.parametrize(
    ("taken", "message"), [("b", "that it has not"), ("input", "takes call 7")]
)
def test_a_reference_to_nothing_is_an_error(taken, message):
    call = 7 if taken == "input" else 0
    config = graph(entry(), node("a", nodes=[[["input", 0, 0, {}]]]), outputs=[[taken, call, 0]])
    with pytest.raises(ModelFileError, match=message):
        upgrade(config)


def test_an_operation_of_tensorflow():
    config = node("tf.math.truediv", kind="TFOpLambda", function="math.truediv")
    config["inbound_nodes"] = [{"args": [tensor("i", 0, 0)], "kwargs": {"y": 255.0, "name": None}}]
    assert operations.name_operations(config) == 1
    assert config["config"] == {
        "name": "tf.math.truediv",
        "function": "math.truediv",
        "arguments": {"y": 255.0},
        "constants": [],
    }
    assert config["inbound_nodes"][0]["kwargs"] == {}


def test_a_node_of_a_tensorflow_graph():
    config = node(
        "op", kind="TensorFlowOpLayer", constants={"1": 2.0},
        node_def={"op": "Mul", "attr": {"T": {"type": "DT_FLOAT"}}},
    )  # fmt: skip
    config["inbound_nodes"] = [{"args": [tensor("i", 0, 0)], "kwargs": {}}]
    assert operations.name_graph_nodes(config) == 1
    assert config["config"]["function"] == "math.multiply"
    assert config["inbound_nodes"][0]["args"] == [tensor("i", 0, 0)]
    assert config["config"]["constants"] == [[1, 2.0]]


def test_settings_of_a_node_of_a_tensorflow_graph():
    attr = {"block_size": {"i": "2"}, "data_format": {"s": "TkhXQw=="}}
    config = node("op", kind="TensorFlowOpLayer", node_def={"op": "DepthToSpace", "attr": attr})
    config["inbound_nodes"] = [{"args": [tensor("i", 0, 0)], "kwargs": {}}]
    operations.name_graph_nodes(config)
    arguments = config["config"]["arguments"]
    assert arguments == {"block_size": 2, "data_format": "NHWC"}


def test_wrappers_for_quantisation():
    wrapped = layer("Conv2D", "c", activation={
        "class_name": "QuantizeAwareActivation",
        "config": {"activation": {"class_name": "NoOpActivation", "config": {}}},
    })  # fmt: skip
    config = layer("QuantizeWrapperV2", "q", layer=wrapped)
    assert classes.unwrap_optimised(config) == 2
    assert config == layer("Conv2D", "q", activation="linear")


def test_a_pruned_layer():
    config = layer("PruneLowMagnitude", "p", layer=layer("Dense", "d", units=2))
    assert classes.unwrap_optimised(config) == 1
    assert config == layer("Dense", "p", units=2)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("DepthwiseConv2D", "groups", 1),
        ("Conv2DTranspose", "groups", 1),
        ("SeparableConv2D", "kernel_regularizer", None),
        ("LSTM", "time_major", False),
        ("RandomRotation", "value_range", [0, 255]),
        ("Conv2D", "batch_input_shape", [None, 4]),
        ("BatchNormalization", "fused", True),
    ],
)
def test_harmless_settings_are_dropped(kind, key, value):
    config = layer(kind, **{key: value})
    assert settings.drop_harmless(config) == 1
    assert key not in config["config"]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("DepthwiseConv2D", "groups", 2),
        ("LSTM", "time_major", True),
        ("Conv2D", "groups", 1),
        ("Embedding", "mask_zero", True),
        ("Dense", "scaling", 2),
        ("RandomContrast", "value_range", [0, 1]),
    ],
)
def test_settings_that_could_change_a_result_stay(kind, key, value):
    config = layer(kind, **{key: value})
    assert settings.drop_harmless(config) == 0
    assert config["config"][key] == value


def test_policies_axes_and_batches():
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    config = layer("BatchNormalization", dtype=policy, axis=[3])
    assert settings.name_policy(config) == 1
    assert settings.unlist_axis(config) == 1
    assert config["config"]["dtype"] == "mixed_float16"
    assert config["config"]["axis"] == 3
    config = layer("InputLayer", batch_input_shape=[7, 4])
    assert settings.name_batch_shape(config) == 1
    assert settings.free_batch(config) == 1
    assert config["config"]["batch_shape"] == [None, 4]


def test_training_is_forgotten():
    config = layer("Dense", kernel_regularizer="mine", bias_constraint="mine")
    settings.drop_training(config)
    assert config["config"]["kernel_regularizer"] is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("softmax_v2", "softmax"),
        ("relu6", "relu6"),
        ("hard_swish", "hard_silu"),
        ("Custom>swish", "silu"),
        ({"class_name": "function", "config": "relu"}, "relu"),
        ({"class_name": "ReLU", "config": {"max_value": 6.0}}, "relu6"),
        ({"class_name": "Activation", "config": {"activation": "elu", "name": "a"}}, "elu"),
    ],
)
def test_activations_by_name(value, name):
    config = layer("Conv2D", activation=value)
    activations.name_activations(config)
    assert config["config"]["activation"] == name


def test_slopes():
    config = layer("LeakyReLU", alpha={"type": "ndarray", "value": [0.25]})
    assert activations.rename_slopes(config) == 1
    assert config["config"]["negative_slope"] == 0.25
    config = layer("ThresholdedReLU", theta=2.0)
    activations.rename_slopes(config)
    assert config == layer("ReLU", threshold=2.0)


def test_hard_sigmoid_keeps_its_old_slope_in_old_files():
    config = sequence(layer("LSTM", recurrent_activation="hard_sigmoid"))
    old, _ = upgrade(config, "2.4.0")
    new, _ = upgrade(config, "3.4.0")
    assert old["config"]["layers"][0]["config"]["recurrent_activation"] != "hard_sigmoid"
    assert new["config"]["layers"][0]["config"]["recurrent_activation"] == "hard_sigmoid"


def test_recurrent_layers():
    config = layer("GRU")
    assert settings.state_old_reset(config) == 1
    assert config["config"]["reset_after"] is False
    config = layer("CuDNNGRU", units=3)
    assert classes.replace_cudnn(config) == 1
    assert config["class_name"] == "GRU"
    assert config["config"]["reset_after"] is True


def test_an_activation_in_a_lambda():
    function = {"module": "keras.activations", "class_name": "function", "config": "relu"}
    config = layer("Lambda", function=function)
    assert lambdas.replace_known(config) == 1
    assert config == layer("Activation", activation="relu")


def test_a_lambda_of_the_authors_own_stays():
    function = {"module": "mine", "class_name": "function", "config": "relu"}
    assert lambdas.replace_known(layer("Lambda", function=function)) == 0


def test_upgrade_leaves_its_argument_and_says_what_it_did():
    config = {"class_name": "Sequential", "config": [layer("Dense", batch_input_shape=[None, 3])]}
    before = str(config)
    _, done = upgrade(config, "2.1.0")
    assert str(config) == before
    assert [entry.partition(":")[0] for entry in done] == [
        "sequential-list", "input-layer", "harmless-settings",
    ]  # fmt: skip


def test_a_configuration_nested_too_deep_is_refused():
    config: object = {}
    for _ in range(5000):
        config = {"config": config}
    with pytest.raises(UnsafeModelError, match="levels deep"):
        upgrade(config)  # type: ignore[arg-type]


def test_a_damaged_configuration_is_one_error():
    with pytest.raises(LayersightError):
        upgrade({"class_name": "Functional", "config": {"layers": 3, "output_layers": 4}})
