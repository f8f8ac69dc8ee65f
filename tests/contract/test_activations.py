"""What layersight gives is what Keras computes, for models of every kind."""

import keras
import models
import numpy as np
import pytest

import layersight
from layersight.data.readout import Readout
from layersight.errors import ModelInputError, SelectionError
from layersight.frameworks.keras.inside import children


def to_numpy(value):
    return np.asarray(keras.ops.convert_to_numpy(value))


def picture(*shape, seed=3):
    return np.random.default_rng(seed).random(shape).astype("float32")


def run(layers, steps, **given):
    """Calls layers by hand: ``(name of the result, layer, names of its inputs)``."""
    values = dict(given)
    for name, layer, inputs in steps:
        arguments = [values[key] for key in inputs]
        values[name] = layers[layer](arguments[0] if len(arguments) == 1 else arguments)
    return {name: to_numpy(values[name]) for name, _, _ in steps}


def by_name(model):
    return {layer.name: layer for layer in model.layers}


def chain(model, x):
    """Each layer of a plain stack in turn."""
    result = {}
    for layer in model.layers:
        x = layer(x)
        result[layer.name] = to_numpy(x)
    return result


def expect_functional(model, x):
    return run(
        by_name(model),
        [
            ("left", "left", ["x"]),
            ("right", "right", ["x"]),
            ("joined", "joined", ["left", "right"]),
            ("added", "added", ["left", "right"]),
            ("strided", "strided", ["joined"]),
            ("pooled", "pooled", ["added"]),
            ("flat", "flat", ["strided"]),
            ("both", "both", ["pooled", "flat"]),
            ("scores", "scores", ["both"]),
        ],
        x=x,
    )


def prefixed(prefix, arrays):
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def expect_nested(model, x):
    middle = model.get_layer("middle")
    inner = without_inputs(chain_of(middle.get_layer("backbone"), x))
    after = to_numpy(middle.get_layer("after")(inner["body"]))
    return {
        **prefixed("middle/backbone", inner),
        "middle/after": after,
        "gap": to_numpy(model.get_layer("gap")(after)),
    }


def chain_of(model, x):
    result = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            x = layer(x)
            result[layer.name] = to_numpy(x)
    return result


def without_inputs(arrays):
    return {name: array for name, array in arrays.items() if "input" not in name}


def expect_transfer(model, x):
    inner = chain_of(model.get_layer("backbone"), x)
    flat = to_numpy(model.get_layer("flat")(inner["body"]))
    return {**prefixed("backbone", inner), "flat": flat}


def expect_shared(model, x):
    again, twin = model.get_layer("again"), model.get_layer("twin")
    calls = [to_numpy(again(x))]
    calls.append(calls[0])
    calls.append(to_numpy(again(calls[0])))
    result = {f"again@{number}": array for number, array in enumerate(calls)}
    first, second = chain_of(twin, calls[0]), chain_of(twin, calls[2])
    result |= {f"twin@0/{name}": array for name, array in first.items()}
    result |= {f"twin@1/{name}": array for name, array in second.items()}
    return {**result, "difference": first["body"] - second["body"]}


def expect_two_outputs(model, x):
    steps = [("conv", "conv", ["x"]), ("mask", "mask", ["conv"]), ("gap", "gap", ["conv"])]
    return run(by_name(model), [*steps, ("label", "label", ["gap"])], x=x)


def expect_channels_first(model, x):
    value = np.moveaxis(x, -1, 1)
    result = {}
    for layer in model.layers[1:]:
        value = layer(value)
        array = to_numpy(value)
        result[layer.name] = np.moveaxis(array, 1, -1) if array.ndim == 4 else array
    return result


def expect_block(block, x):
    first = to_numpy(block.first(x))
    second = to_numpy(block.second(first))
    complete = np.maximum(second + first, 0)
    return {"first@0": first, "second": second, "first@1": first, "": complete}


def expect_subclassed(model, x):
    stem = to_numpy(model.stem(x))
    block = expect_block(model.block, stem)
    result = {"stem": stem, "block": block.pop("")}
    result |= prefixed("block", block)
    result["twin"] = to_numpy(model.blocks[0](result["block"]))
    result["twin#2"] = to_numpy(model.blocks[1](result["twin"]))
    tail = chain(model.tail, result["twin#2"])
    return {**result, **prefixed("tail", tail), "gap": to_numpy(model.gap(tail["last"]))}


def expect_custom(model, x):
    block = expect_block(model.get_layer("block"), x)
    result = {"block": block.pop(""), **prefixed("block", block)}
    result["multiply"] = result["block"] * 2
    result["add"] = result["multiply"] + x
    return {**result, "mean": result["add"].mean(axis=(1, 2))}


CASES = {
    "sequential": ((16, 16, 3), chain),
    "unbuilt": ((16, 16, 3), chain),
    "functional": ((16, 16, 3), expect_functional),
    "nested": ((16, 16, 3), expect_nested),
    "nested_any_size": ((16, 16, 3), expect_transfer),
    "shared": ((16, 16, 3), expect_shared),
    "two_outputs": ((16, 16, 3), expect_two_outputs),
    "one_in_list": ((16, 16, 3), chain_of),
    "channels_first": ((16, 12, 3), expect_channels_first),
    "any_size": ((21, 14, 3), chain_of),
    "one_axis": ((20, 2), chain_of),
    "three_axes": ((5, 8, 8, 1), chain_of),
    "subclassed": ((16, 16, 3), expect_subclassed),
    "custom_layer": ((16, 16, 3), expect_custom),
    "dead_channels": ((16, 16, 3), chain_of),
}


def make(kind):
    # Keras counts the operators that it names; whatever ran before must make no difference.
    keras.utils.clear_session(free_memory=False)
    model = models.KINDS[kind]()
    return model if kind in ("unbuilt", "dead_channels") else models.randomise(model)


def same_as_summary(info, result):
    """Layers and sizes are those that the model's summary names."""
    before = {layer.name: layer for layer in info.layers}
    assert list(before) == list(result)
    for entry in result.layers:
        wanted = before[entry.name].output_shape
        assert wanted is not None
        if entry.layer.data_format == "channels_first" and len(wanted) > 2:
            wanted = (wanted[0], *wanted[2:], wanted[1])
        for size, real in zip(wanted[1:], entry.values.shape[1:], strict=True):
            assert size in (None, real), entry.name


@pytest.mark.parametrize("kind", CASES)
def test_every_layer_equals_keras(kind):
    shape, expect = CASES[kind]
    model = make(kind)
    x = picture(*shape)
    opened = layersight.load_model(model)
    result = layersight.activations(opened, x)
    expected = expect(model, x[None])
    assert sorted(result) == sorted(expected)
    if kind != "unbuilt":
        same_as_summary(opened.info, result)
    for name, array in expected.items():
        assert result[name].shape == array.shape, name
        assert result[name].dtype == np.float32
        np.testing.assert_allclose(result[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


def test_two_inputs_by_name_and_by_one_image():
    model = make("two_inputs")
    left, right = picture(16, 16, 3), picture(8, 8, 1)
    opened = layersight.load_model(model)
    result = layersight.activations(opened, {"left": left, "right": right}, predictions=True)
    np.testing.assert_allclose(
        result["conv_a"], to_numpy(model.get_layer("conv_a")(left[None])), atol=1e-5
    )
    np.testing.assert_allclose(
        result["conv_b"], to_numpy(model.get_layer("conv_b")(right[None])), atol=1e-5
    )
    complete = to_numpy(model([left[None], right[None]]))
    np.testing.assert_allclose(result["top"], complete, atol=1e-5)
    assert [entry.output for entry in result.predictions[0]] == ["top"]
    with pytest.raises(ModelInputError, match=r"input 'right' .*was given nothing"):
        layersight.activations(opened, {"left": left})
    photo = (picture(40, 30, 3) * 255).astype("uint8")
    same = layersight.activations(opened, photo)
    assert same["conv_a"].shape == (1, 16, 16, 4)
    assert sum(note.startswith("input ") for note in same.notes) == 2  # a line for each


def test_outputs_and_predictions():
    model = make("two_outputs")
    x = picture(16, 16, 3)
    result = layersight.activations(
        layersight.load_model(model), x, layers="conv", predictions=True
    )
    label, _mask = (to_numpy(value)[0] for value in model(x[None]))
    by_output = {entry.output: entry for entry in result.predictions[0]}
    assert set(by_output) == {"label", "mask"}
    assert by_output["mask"].top == ()
    assert by_output["label"].top[0].index == int(label.argmax())
    assert by_output["label"].top[0].score == pytest.approx(float(label.max()), abs=1e-5)
    assert list(result) == ["conv"]


class Trap(keras.layers.Layer):
    """Fails when it runs for real, so that a test sees whether it ran."""

    def compute_output_shape(self, shape):
        return shape

    def call(self, inputs):
        raise RuntimeError("the pass went too far")


def test_the_pass_stops_at_the_deepest_layer():
    inputs = keras.Input((8, 8, 3))
    conv = models.conv(2, "conv")(inputs)
    deep = models.conv(2, "deep")(Trap(name="trap")(conv))
    side = models.conv(2, "side")(conv)
    model = layersight.load_model(keras.Model(inputs, [deep, side], name="trapped"))
    x = picture(8, 8, 3)
    assert layersight.activations(model, x, layers="conv")["conv"].shape == (1, 8, 8, 2)
    assert "side" in layersight.activations(model, x, layers=["side"])
    with pytest.raises(RuntimeError, match="too far"):
        layersight.activations(model, x, layers="deep")


def test_a_pass_inside_a_subclassed_model_stops_and_undoes_its_patches():
    model = make("subclassed")
    seen = []
    model.gap.call = lambda inputs: seen.append("ran")
    opened = layersight.load_model(model)
    x = picture(16, 16, 3)
    opened.describe({opened.info.inputs[0].name: (1, 16, 16, 3)})
    seen.clear()
    layersight.activations(opened, x, layers="block/first")
    assert seen == []
    layers = [model, *model._flatten_layers(include_self=False)]
    assert [layer.name for layer in layers if "call" in layer.__dict__] == ["gap"]


def test_patches_are_undone_after_an_error():
    model = make("subclassed")
    opened = layersight.load_model(model)
    opened.describe({opened.info.inputs[0].name: (1, 16, 16, 3)})

    def fail(inputs, training=False):
        raise ValueError("broken inside")

    model.tail.layers[0].call = fail
    with pytest.raises(ValueError, match="broken inside"):
        layersight.activations(opened, picture(16, 16, 3), layers="tail/last")
    left = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if layer is not model.tail.layers[0] and "call" in layer.__dict__
    ]
    assert left == []
    assert children(model)


def test_dead_channels_are_named_without_a_warning():
    result = layersight.activations(
        layersight.load_model(make("dead_channels")), picture(16, 16, 3)
    )
    stats = result.layer("conv").statistics
    assert stats.dead.tolist() == [[True, True, False]]
    assert stats.sparsity[0, 0] == 1
    assert stats.min[0, 1] == stats.max[0, 1] == pytest.approx(0.3)


def test_weights_that_are_not_numbers_are_named():
    model = make("sequential")
    kernel, bias = model.get_layer("conv").get_weights()
    kernel[..., 1] = np.nan
    model.get_layer("conv").set_weights([kernel, bias])
    result = layersight.activations(layersight.load_model(model), picture(16, 16, 3), layers="conv")
    stats = result.layer("conv").statistics
    assert stats.finite.tolist() == [[True, False, True, True]]
    assert not stats.dead[0, 1]


def test_batches_give_what_single_images_give():
    opened = layersight.load_model(make("functional"))
    batch = picture(5, 16, 16, 3)
    together = layersight.activations(opened, batch, batch_size=2)
    assert len(together.images) == 5
    for number in range(5):
        alone = layersight.activations(opened, batch[number])
        np.testing.assert_allclose(together["added"][number], alone["added"][0], atol=1e-5)


def test_same_input_same_bytes():
    opened = layersight.load_model(make("nested"))
    x = picture(16, 16, 3)
    first, second = (layersight.activations(opened, x) for _ in range(2))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_channels_are_chosen_from_maps_alone():
    opened = layersight.load_model(make("sequential"))
    complete = layersight.activations(opened, picture(16, 16, 3))
    chosen = layersight.activations(opened, picture(16, 16, 3), channels="1,3")
    np.testing.assert_array_equal(chosen["conv"], complete["conv"][..., [1, 3]])
    assert chosen.layer("conv").channels == (1, 3)
    assert chosen["flat"].shape == complete["flat"].shape
    with pytest.raises(SelectionError, match=r"layer 'conv': no channel 4: expected 0 to 3"):
        layersight.activations(opened, picture(16, 16, 3), channels="4", layers="conv")


@pytest.mark.one_backend
def test_receptive_fields_by_hand():
    fields = {
        layer.name: layer.receptive_field
        for layer in layersight.load_model(make("sequential")).info.layers
    }
    assert fields["conv"] == (3, 3)
    assert fields["pool"] == (4, 4)
    assert fields["norm"] == (4, 4)
    assert fields["conv_1"] == (8, 8)
    assert fields["flat"] is None


@pytest.mark.one_backend
@pytest.mark.parametrize("size", [20, 23])
def test_where_a_receptive_field_lies(size):
    """The measure: which pixels the gradient of one position reaches, with weights above 0."""
    layers = keras.layers
    inputs = keras.Input((size, size, 1))
    padded = layers.ZeroPadding2D(((2, 1), (0, 3)), name="padded")(inputs)
    strided = layers.Conv2D(2, 3, strides=2, name="strided")(padded)
    same = layers.Conv2D(2, (4, 3), strides=(2, 1), padding="same", name="same")(strided)
    wide = layers.DepthwiseConv2D(3, dilation_rate=2, padding="same", name="wide")(same)
    pooled = layers.AveragePooling2D(2, name="pooled")(wide)
    short = layers.Cropping2D(((1, 0), (0, 0)), name="short")(pooled)
    joined = layers.Concatenate(name="joined")([wide, layers.Conv2D(2, 1, name="one")(same)])
    model = keras.Model(inputs, [short, joined], name="probe")
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    opened = layersight.load_model(model)
    for layer in opened.info.layers:
        assert layer.output_shape is not None
        assert layer.placement is not None
        assert layer.receptive_field is not None
        rows, columns = layer.output_shape[1] or 0, layer.output_shape[2] or 0
        for at in ((0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)):
            weights = np.zeros((1, rows, columns, layer.channels or 0), np.float32)
            weights[0, *at] = 1
            given = {opened.info.inputs[0].name: np.ones((1, size, size, 1), np.float32)}
            goal = (Readout(layer.name, weights),)
            result = opened.differentiate(given, goal, by=tuple(given)).inputs
            reached = next(iter(result.values()))[0, ..., 0] != 0
            box = layer.placement.pixels(at, layer.receptive_field, (size, size))
            for (first, end), axis in zip(box, (1, 0), strict=True):
                pixels = np.flatnonzero(reached.any(axis))
                assert set(pixels) <= set(range(first, end)), (layer, at)
                if at[axis - 1] not in (0, rows - 1, columns - 1):
                    assert (pixels[0], pixels[-1]) == (first, end - 1), (layer, at)


@pytest.mark.one_backend
def test_a_layer_that_is_not_a_model_is_refused():
    with pytest.raises(layersight.LayersightError, match=r"wrap it in keras\.Sequential"):
        layersight.load_model(keras.layers.Conv2D(2, 3))


@pytest.mark.one_backend
def test_a_wrong_size_is_one_line():
    opened = layersight.load_model(make("sequential"))
    with pytest.raises(layersight.LayersightError, match=r"expected \(16, 16, 3\)"):
        layersight.activations(opened, picture(9, 9, 3))
