"""Each rewrite on a small configuration."""

from __future__ import annotations

import copy

import pytest

import legacy
from layersight.errors import LayersightError, ModelFileError, UnsafeModelError
from layersight.loading.rewrites import (
    classes,
    keras1,
    lambdas,
    nodes,
    operations,
    sequential,
    settings,
    upgrade,
)
from layersight.loading.rewrites.walking import each_tensor, tensor


def layer(kind, name="x", **config):
    return legacy.layer(kind, name, **config)


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


IN = tensor("input", 0, 0)
POLICY = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
DIVIDED = {"args": [tensor("i", 0, 0)], "kwargs": {"y": 255.0, "name": None}}
TAKEN = {"args": [tensor("i", 0, 0)], "kwargs": {}}
CONV_1 = {
    "nb_filter": 4, "nb_row": 3, "nb_col": 5, "subsample": [2, 2], "border_mode": "same",
    "dim_ordering": "th", "bias": True, "W_regularizer": None, "init": "glorot_uniform",
}  # fmt: skip
CONV_2 = {
    "filters": 4, "kernel_size": [3, 5], "strides": [2, 2], "padding": "same",
    "data_format": "channels_first", "use_bias": True, "kernel_regularizer": None,
    "kernel_initializer": "glorot_uniform",
}  # fmt: skip


def of_tensorflow(kind, call, **settings):
    return node("op", kind=kind, nodes=[copy.deepcopy(call)], **settings)


def called(function, constants=(), **arguments):
    operation = node("op", kind="TensorFlowCall", nodes=[TAKEN], function=function)
    operation["config"] |= {"arguments": arguments, "constants": [*constants]}
    return operation


@pytest.mark.parametrize(
    ("rewrite", "before", "after"),
    [
        (sequential.name_sequential_layers,
         {"class_name": "Sequential", "config": [layer("Dense")]},
         {"class_name": "Sequential",
          "config": {"name": "sequential", "layers": [layer("Dense")]}}),
        *((keras1.rename_classes, layer(old), layer(new)) for old, new in keras1.CLASSES.items()),
        (keras1.rename_settings, layer("Conv2D", **CONV_1), layer("Conv2D", **CONV_2)),
        (keras1.rename_settings, layer("Dense", output_dim=3), layer("Dense", units=3)),
        (keras1.rename_settings, layer("Dropout", p=3), layer("Dropout", rate=3)),
        (keras1.check_normalisation_mode, layer("BatchNormalization", mode=0),
         layer("BatchNormalization")),
        (keras1.drop_output_shape, layer("Conv2DTranspose", output_shape=[None, 4, 4, 1]),
         layer("Conv2DTranspose")),
        (classes.drop_packages, layer("Keras>Dense"), layer("Dense")),
        (classes.name_library_layers, layer("FixedDropout", rate=0.2), layer("Dropout", rate=0.2)),
        (classes.name_functional, {**graph(entry()), "class_name": "Model"}, graph(entry())),
        (classes.unwrap_optimised,
         layer("PruneLowMagnitude", "p", layer=layer("Dense", "d", units=2)),
         layer("Dense", "p", units=2)),
        (classes.replace_cudnn, layer("CuDNNGRU", units=3),
         layer("GRU", units=3, activation="tanh", recurrent_activation="sigmoid",
               reset_after=True)),
        (settings.state_old_reset, layer("GRU"), layer("GRU", reset_after=False)),
        (settings.name_policy, layer("Dense", dtype=POLICY), layer("Dense", dtype="mixed_float16")),
        (settings.unlist_axis, layer("BatchNormalization", axis=[3]),
         layer("BatchNormalization", axis=3)),
        (settings.name_batch_shape, layer("InputLayer", batch_input_shape=[7, 4]),
         layer("InputLayer", batch_shape=[7, 4])),
        (settings.free_batch, layer("InputLayer", batch_shape=[7, 4]),
         layer("InputLayer", batch_shape=[None, 4])),
        (settings.rename_alpha, layer("LeakyReLU", alpha={"type": "ndarray", "value": [0.25]}),
         layer("LeakyReLU", negative_slope=0.25)),
        (settings.rename_alpha, layer("ThresholdedReLU", theta=2.0),
         layer("ReLU", threshold=2.0)),
        (lambdas.replace_known,
         layer("Lambda", function={"module": "keras.activations", "class_name": "function",
                                   "config": "relu"}), layer("Activation", activation="relu")),
        (operations.name_operations,
         of_tensorflow("TFOpLambda", DIVIDED, function="math.truediv"),
         called("math.truediv", y=255.0)),
        (operations.name_graph_nodes,
         of_tensorflow("TensorFlowOpLayer", TAKEN, constants={"1": 2.0},
                       node_def={"op": "Mul", "attr": {"T": {"type": "DT_FLOAT"}}}),
         called("math.multiply", [[1, 2.0]])),
        (operations.name_graph_nodes,
         of_tensorflow("TensorFlowOpLayer", TAKEN, node_def={
             "op": "DepthToSpace",
             "attr": {"block_size": {"i": "2"}, "data_format": {"s": "TkhXQw=="}}}),
         called("nn.depth_to_space", block_size=2, data_format="NHWC")),
    ],
)  # fmt: skip
def test_rewrites_change_and_count(rewrite, before, after):
    assert rewrite(before) == 1
    assert before == after


@pytest.mark.parametrize(
    ("rewrite", "same"),
    [
        (keras1.rename_settings, layer("Embedding", output_dim=3)),
        (classes.drop_packages, layer("Custom>Dense")),
        (lambdas.replace_known, layer("Lambda", function={
            "module": "mine", "class_name": "function", "config": "relu"})),
    ],
)  # fmt: skip
def test_rewrites_leave_others_unchanged(rewrite, same):
    before = copy.deepcopy(same)
    assert rewrite(same) == 0
    assert same == before


@pytest.mark.parametrize(
    ("rewrite", "before", "after"),
    [
        (keras1.flatten_as_stored, layer("Flatten"), layer("Flatten", data_format="channels_last")),
        (settings.drop_training, layer("Dense", kernel_regularizer="mine", bias_constraint="mine"),
         layer("Dense", kernel_regularizer=None, bias_constraint=None)),
        (nodes.name_outputs, graph(entry()),
         graph(entry(), inputs=tensor("input", 0, 0), outputs=tensor("input", 0, 0))),
        (classes.keep_foreign, {**layer("Attention"), "registered_name": "Custom>Attention"},
         {**layer("Custom>Attention"), "registered_name": "Custom>Attention"}),
        (classes.keep_foreign,
         {**layer("Attention"), "module": "__main__", "registered_name": "Attention"},
         {**layer("__main__>Attention"), "module": "__main__", "registered_name": "Attention"}),
        (classes.keep_foreign, {**layer("Attention"), "module": "keras.layers"},
         {**layer("Attention"), "module": "keras.layers"}),
    ],
)  # fmt: skip
def test_rewrites_of_the_form_alone_are_not_counted(rewrite, before, after):
    assert rewrite(before) == 0
    assert before == after


def test_the_shape_on_the_first_layer_becomes_an_input_layer():
    config = legacy.sequential(layer("Dense", "d", batch_input_shape=[None, 3], units=2))
    assert sequential.add_input_layer(config) == 1
    first = config["config"]["layers"][0]
    assert first["class_name"] == "InputLayer"
    assert first["config"]["batch_shape"] == [None, 3]


def test_the_shape_inside_a_nested_sequential_is_found():
    inner = legacy.sequential(layer("Dense", "d", batch_input_shape=[None, 3], units=2))
    config = legacy.sequential(inner, layer("Dense", "e", units=1))
    assert sequential.add_input_layer(config) == 2
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 3]


@pytest.mark.parametrize(("mode", "kind"), sequential.MODES.items())
def test_merge_by_mode(mode, kind):
    config = layer("Merge", mode=mode, concat_axis=1)
    assert sequential.replace_merge(config) == 1
    assert config["class_name"] == kind


@pytest.mark.parametrize(
    ("rewrite", "wrong", "message"),
    [
        (keras1.check_normalisation_mode, layer("BatchNormalization", mode=1), "mode 1"),
        (sequential.replace_merge, layer("Merge", mode="lambda"), "'x' merges by a function"),
    ],
)
def test_what_later_versions_do_not_compute_is_refused(rewrite, wrong, message):
    with pytest.raises(ModelFileError, match=message):
        rewrite(wrong)


def test_slashes_in_names():
    config = graph(
        entry(), node("a/b", nodes=[[["input", 0, 0, {}]]]), node("c", nodes=[[["a/b", 0, 0, {}]]])
    )
    assert nodes.replace_slashes(config) == 1
    assert config["config"]["layers"][1]["name"] == "a_b"
    assert config["config"]["layers"][2]["inbound_nodes"] == [[["a_b", 0, 0, {}]]]


def test_names_are_set_in_both_places():
    config = graph(entry())
    del config["config"]["layers"][0]["config"]["name"]
    nodes.name_every_layer(config)
    assert config["config"]["layers"][0]["config"]["name"] == "input"


@pytest.mark.parametrize(
    ("kind", "reference", "args", "kwargs"),
    [
        ("Activation", [["input", 0, 0, {"training": False}]], [IN], {"training": False}),
        (
            "Activation",
            ["input", 0, 0, {"y": ["input", 0, 0], "z": 1.5}],
            [IN],
            {"y": IN, "z": 1.5},
        ),
        ("Activation", ["_CONSTANT_VALUE", -1, 2.0, {"y": ["input", 0, 0]}], [2.0], {"y": IN}),
        ("Add", [["input", 0, 0], ["input", 0, 0]], [[IN, IN]], {}),
        ("LSTM", [["input", 0, 0], ["input", 0, 0]], [IN], {"initial_state": [IN]}),
    ],
    ids=["setting", "tensor-as-setting", "constant", "merging", "state"],
)
def test_nodes_become_those_of_keras_3(kind, reference, args, kwargs):
    config = graph(entry(), node("a", kind=kind, nodes=[reference]))
    assert nodes.spread_nodes(config) == 1
    assert config["config"]["layers"][1]["inbound_nodes"] == [{"args": args, "kwargs": kwargs}]


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


def test_each_reference_is_visited_once(monkeypatch):
    visited = []

    def counted(value):
        for history in each_tensor(value):
            visited.append(history)
            yield history

    monkeypatch.setattr(nodes, "each_tensor", counted)
    inner = [
        node(f"inner{n}", kind="Functional", nodes=[[["input", 0, 0, {}]]], layers=[])
        for n in range(50)
    ]
    outer = [node(f"a{n}", nodes=[[[f"inner{n}", 1, 0, {}]]]) for n in range(50)]
    config = graph(entry(), *inner, *outer)
    nodes.spread_nodes(config)
    assert nodes.count_from_zero(config) == 50
    assert len(visited) == 100


@pytest.mark.parametrize(
    ("reference", "message"), [("b", "that it does not have"), ("input", "uses call 7")]
)
def test_a_reference_to_nothing_is_an_error(reference, message):
    call = 7 if reference == "input" else 0
    config = graph(
        entry(), node("a", nodes=[[["input", 0, 0, {}]]]), outputs=[[reference, call, 0]]
    )
    with pytest.raises(ModelFileError, match=message):
        upgrade(config)


def test_wrappers_for_quantisation():
    wrapped = layer("Conv2D", "c", activation={
        "class_name": "QuantizeAwareActivation",
        "config": {"activation": {"class_name": "NoOpActivation", "config": {}}},
    })  # fmt: skip
    config = layer("QuantizeWrapperV2", "q", layer=wrapped)
    assert classes.unwrap_optimised(config) == 2
    assert config == layer("Conv2D", "q", activation="linear")


@pytest.mark.parametrize(
    ("kind", "key", "value", "dropped"),
    [
        ("DepthwiseConv2D", "groups", 1, True),
        ("Conv2DTranspose", "groups", 1, True),
        ("SeparableConv2D", "kernel_regularizer", None, True),
        ("LSTM", "time_major", False, True),
        ("RandomRotation", "value_range", [0, 255], True),
        ("Conv2D", "batch_input_shape", [None, 4], True),
        ("BatchNormalization", "fused", True, True),
        ("DepthwiseConv2D", "groups", 2, False),
        ("LSTM", "time_major", True, False),
        ("Conv2D", "groups", 1, False),
        ("Embedding", "mask_zero", True, False),
        ("Dense", "scaling", 2, False),
        ("RandomContrast", "value_range", [0, 1], False),
    ],
)
def test_settings_are_dropped_if_they_change_no_result(kind, key, value, dropped):
    config = layer(kind, **{key: value})
    assert settings.drop_harmless(config) == dropped
    assert (key in config["config"]) is not dropped


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
    settings.name_activations(config)
    assert config["config"]["activation"] == name


def test_hard_sigmoid_is_the_old_one_in_old_files():
    config = legacy.sequential(layer("LSTM", recurrent_activation="hard_sigmoid"))
    old, _ = upgrade(config, "2.4.0")
    new, _ = upgrade(config, "3.4.0")
    assert old["config"]["layers"][0]["config"]["recurrent_activation"] != "hard_sigmoid"
    assert new["config"]["layers"][0]["config"]["recurrent_activation"] == "hard_sigmoid"


def test_upgrade_keeps_its_argument_and_reports_its_changes():
    config = {"class_name": "Sequential", "config": [layer("Dense", batch_input_shape=[None, 3])]}
    before = str(config)
    _, messages = upgrade(config, "2.1.0")
    assert str(config) == before
    assert [entry.partition(":")[0] for entry in messages] == [
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
