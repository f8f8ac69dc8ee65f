"""Numbers read off models and followed back, on every backend, against other computations."""

import functools

import keras
import models
import numpy as np
import pytest
from gradients import as_array, gradient_of

from layersight.data.readout import Readout
from layersight.errors import ModelInputError, SelectionError
from layersight.frameworks.graph.program import Program
from layersight.loading import load_model

KINDS = (
    "sequential",
    "functional",
    "nested",
    "shared",
    "two_inputs",
    "two_outputs",
    "subclassed",
    "custom_layer",
    "channels_first",
)


def inputs_for(model, count=2, seed=0):
    draw = np.random.default_rng(seed)
    return {
        entry.name: draw.random((count, *(size or 16 for size in channels_last(entry)))).astype(
            "float32"
        )
        for entry in model.info.inputs
    }


def channels_last(entry):
    shape = entry.shape[1:]
    return (*shape[1:], shape[0]) if entry.data_format == "channels_first" else shape


def described(model, batch):
    return model.describe({name: (1, *array.shape[1:]) for name, array in batch.items()})


def one_hot(info, unit, count=1):
    shape = info.output_shape[1:]
    if info.data_format == "channels_first":
        shape = (*shape[1:], shape[0])
    weights = np.zeros((count, *(1,) * (len(shape) - 1), shape[-1]), np.float32)
    weights[..., unit] = 1 / np.prod(shape[:-1], dtype=float)
    return weights


@functools.cache
def opened(kind):
    """Opened once, so that it is compiled once."""
    model = load_model(models.randomise(getattr(models, kind)()))
    batch = inputs_for(model)
    info = described(model, batch)
    end = next(layer for layer in info.layers if layer.name == info.output_layers[0])
    return model, batch, info, (Readout(end.name, one_hot(end, 1 if end.channels > 1 else 0)),)


def last_maps(info, before):
    """The last layer with maps of two axes that another depends on, other than itself."""
    by_name = {layer.name: layer for layer in info.layers}
    waiting, reached = list(by_name[before].inputs), []
    while waiting:
        layer = by_name.get(waiting.pop(0))
        if layer is not None:
            reached.append(layer.name)
            waiting += layer.inputs
    # What is inside a layer is not known to be on the way, so every layer before it counts.
    names = list(by_name)
    on_the_way = [
        n for n in names[: names.index(before)] if n in reached or not by_name[before].inputs
    ]
    return [n for n in on_the_way if len(by_name[n].output_shape or ()) == 4][-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_is_the_weighted_sum_of_what_a_layer_gives(kind):
    model, batch, _, goal = opened(kind)
    values = model.forward(batch, [goal[0].layer]).layers[goal[0].layer]
    expected = (values * goal[0].weights).reshape(len(values), -1).sum(axis=1)
    np.testing.assert_allclose(model.read(batch, goal), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_inputs_are_those_of_the_backend_alone(kind):
    model, batch, info, goal = opened(kind)
    names = [entry.name for entry in info.inputs]
    result = model.differentiate(batch, goal, by=names)
    np.testing.assert_allclose(result.scores, model.read(batch, goal), rtol=1e-5, atol=1e-6)
    end = model.forward(batch, [goal[0].layer]).layers[goal[0].layer]
    np.testing.assert_allclose(result.ends[goal[0].layer], end, rtol=1e-5, atol=1e-6)
    live = model.model
    entries = {entry.name: entry for entry in info.inputs}

    def score(arrays):
        tensors = []
        for name, array in zip(names, arrays, strict=True):
            first = entries[name].data_format == "channels_first"
            tensors.append(keras.ops.moveaxis(array, -1, 1) if first else array)
        out = live(tensors[0] if len(tensors) == 1 else tensors)
        out = keras.tree.flatten(out)[0]
        return keras.ops.sum(out * keras.ops.convert_to_tensor(goal[0].weights))

    for index, name in enumerate(names):

        def of_one(array, index=index):
            arrays = [keras.ops.convert_to_tensor(batch[other]) for other in names]
            arrays[index] = array
            return score(arrays)

        _, slope = gradient_of(of_one, batch[name])
        np.testing.assert_allclose(result.inputs[name], slope, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_by_a_layer_tell_what_a_small_change_of_it_does(kind):
    model, batch, info, goal = opened(kind)
    layer = last_maps(info, goal[0].layer)
    result = model.differentiate(batch, goal, layers=[layer])
    plain = model.forward(batch, [layer]).layers[layer]
    np.testing.assert_allclose(result.values[layer], plain, rtol=1e-5, atol=1e-6)
    assert result.gradients[layer].shape == plain.shape
    one = {name: array[:1] for name, array in batch.items()}
    for channel in range(min(3, plain.shape[-1])):
        factors = np.ones((3, plain.shape[-1]), np.float32)
        factors[1, channel], factors[2, channel] = 1 + 1e-2, 1 - 1e-2
        whole, up, down = model.ablate(one, goal, layer, factors)
        np.testing.assert_allclose(whole, result.scores[0], rtol=1e-4, atol=1e-5)
        along = (result.gradients[layer] * plain)[0, ..., channel].sum()
        np.testing.assert_allclose((up - down) / 2e-2, along, rtol=5e-2, atol=5e-3)


def test_several_layers_and_inputs_at_once_give_what_each_gives_alone():
    model, batch, info, goal = opened("nested")
    layers = [layer.name for layer in info.layers if layer.has_maps][:3]
    name = info.inputs[0].name
    together = model.differentiate(batch, goal, layers=layers, by=[name])
    for layer in layers:
        alone = model.differentiate(batch, goal, layers=[layer])
        np.testing.assert_allclose(together.gradients[layer], alone.gradients[layer], atol=1e-6)
    alone = model.differentiate(batch, goal, by=[name])
    np.testing.assert_allclose(together.inputs[name], alone.inputs[name], atol=1e-6)


def before_models():
    def start():
        inputs = keras.Input((8, 8, 3))
        hidden = keras.layers.Conv2D(4, 3, name="conv")(inputs)
        return inputs, keras.layers.GlobalAveragePooling2D(name="gap")(hidden)

    inputs, hidden = start()
    yield (
        keras.Model(inputs, keras.layers.Dense(3, activation="softmax", name="top")(hidden)),
        "top",
    )
    inputs, hidden = start()
    out = keras.layers.Softmax(name="soft")(keras.layers.Dense(3, name="top")(hidden))
    yield keras.Model(inputs, out), "soft"
    inputs, hidden = start()
    out = keras.layers.Dense(3, name="top")(hidden)
    yield keras.Model(inputs, keras.layers.Activation("softmax", name="last")(out)), "last"
    inputs, hidden = start()
    out = keras.layers.Dense(3, name="top", activation="softmax")(hidden)
    yield keras.Model(inputs, keras.layers.Reshape((3,), name="flat")(out)), "flat"
    inputs, hidden = start()
    out = keras.layers.Dense(3, name="top", activation="softmax")(hidden)
    out = keras.layers.Dropout(0.5, name="drop")(out)
    yield keras.Model(inputs, keras.layers.Activation("linear", name="done")(out)), "drop"


class Inner(keras.Model):
    """A network without a graph whose logits are inside."""

    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(4, 3, name="conv")
        self.gap = keras.layers.GlobalAveragePooling2D(name="gap")
        self.top = keras.layers.Dense(3, activation="softmax", name="top")

    def call(self, inputs):
        return self.top(self.gap(self.conv(inputs)))


def logits_by_hand(model, images):
    def layer(name):
        return next(e for e in model._flatten_layers() if e.name.startswith(name))

    hidden = as_array(layer("conv")(images)).mean(axis=(1, 2))
    top = layer("top")
    return hidden @ as_array(top.kernel.value) + as_array(top.bias.value)


@pytest.mark.parametrize("which", range(6))
def test_a_logit_is_read_before_the_activation_wherever_that_is(which):
    if which == 5:
        live, name = Inner(), "top"
        live(np.zeros((1, 8, 8, 3), "float32"))
    else:
        live, name = list(before_models())[which]
    models.randomise(live)
    model = load_model(live)
    images = np.random.default_rng(0).random((2, 8, 8, 3)).astype("float32")
    batch = {model.info.inputs[0].name: images}
    described(model, batch)
    expected = logits_by_hand(live, images)
    weights = np.eye(3, dtype=np.float32)[[2]]
    result = model.read(batch, (Readout(name, weights, before=True),))
    np.testing.assert_allclose(result, expected[:, 2], rtol=1e-4, atol=1e-5)
    after = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        model.read(batch, (Readout(name, weights),)), after[:, 2], rtol=1e-4, atol=1e-5
    )
    both = model.differentiate(batch, (Readout(name, weights, before=True),), layers=["conv"])
    np.testing.assert_allclose(both.ends[name], after, rtol=1e-4, atol=1e-5)
    slope = as_array(next(e for e in live._flatten_layers() if e.name == "top").kernel.value)
    expected_slope = np.broadcast_to(slope[:, 2] / 36, both.gradients["conv"].shape)
    np.testing.assert_allclose(both.gradients["conv"], expected_slope, rtol=1e-4, atol=1e-6)
    # Each image may have a class of its own.
    weights = np.eye(3, dtype=np.float32)[[0, 2]]
    result = model.read(batch, (Readout(name, weights, before=True),))
    np.testing.assert_allclose(result, expected[[0, 1], [0, 2]], rtol=1e-4, atol=1e-5)


def named_relu(x):
    return keras.layers.ReLU()(inputs=x)


def time_distributed(x):
    folded = keras.layers.Reshape((1, 3))(x)
    return keras.layers.Flatten()(keras.layers.TimeDistributed(keras.layers.ReLU())(folded))


class Own(keras.layers.ReLU):
    """An activation function of the user's own, by the class that it derives from."""


OPERATIONS = (
    *("relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "gelu", "silu", "elu", "selu"),
    *("celu", "leaky_relu", "softplus", "softsign", "log_sigmoid", "hard_sigmoid", "hard_silu"),
)
ENDS = {name: getattr(keras.ops, name) for name in OPERATIONS}
ENDS |= {"named": named_relu, "own": lambda x: Own()(x), "wrapped": time_distributed}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ENDS)
def test_what_comes_before_any_activation_function(name):
    inputs = keras.Input((4, 4, 3))
    hidden = keras.layers.Dense(3, name="top")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = load_model(models.randomise(keras.Model(inputs, ENDS[name](hidden))))
    batch = inputs_for(model)
    end = described(model, batch).output_layers[0]
    weights = np.eye(3, dtype=np.float32)
    goal = [(Readout(end, weights[[n]], before=True),) for n in range(3)]
    expected = model.forward(batch, ["top"]).layers["top"]
    result = np.stack([model.read(batch, one) for one in goal], axis=1)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    after = np.stack([model.read(batch, (Readout(end, w[None]),)) for w in weights], axis=1)
    assert not np.allclose(after, expected)


def test_a_function_that_gives_another_form_has_no_value_before_it():
    inputs = keras.Input((4, 4, 6))
    hidden = keras.layers.GlobalAveragePooling2D()(inputs)
    model = load_model(keras.Model(inputs, keras.ops.glu(hidden)))
    batch = inputs_for(model)
    end = described(model, batch).output_layers[0]
    weights = np.eye(3, dtype=np.float32)[[1]]
    before, after = (
        model.read(batch, (Readout(end, weights, before=early),)) for early in (True, False)
    )
    np.testing.assert_array_equal(before, after)


@pytest.mark.one_backend
def test_how_steps_depend_on_each_other_is_not_worked_out_in_each_pass(monkeypatch):
    calls, producers = [], Program.producers
    monkeypatch.setattr(Program, "producers", lambda own: calls.append(own) or producers(own))
    counts = []
    for depth in (2, 12):
        inputs = hidden = keras.Input((4, 4, 3))
        for number in range(depth):
            hidden = keras.layers.Conv2D(3, 1, name=f"conv{number}")(hidden)
        outputs = keras.layers.GlobalAveragePooling2D(name="top")(hidden)
        model = load_model(keras.Model(inputs, outputs))
        batch = {name: array[:1] for name, array in inputs_for(model).items()}
        goal = (Readout("top", np.ones((1, 3), np.float32), before=True),)
        for _ in range(2):
            calls.clear()
            model.ablate(batch, goal, "conv0", np.ones((4, 3), np.float32))
        counts.append(len(calls))
    assert counts[0] == counts[1] < 10


def test_a_smaller_batch_gives_the_same_as_the_compiled_larger_one():
    model, batch, _, goal = opened("sequential")
    many = {name: np.concatenate([array] * 4) for name, array in batch.items()}
    weights = np.repeat(goal[0].weights, 8, axis=0)
    every = model.read(many, (Readout(goal[0].layer, weights),))
    few = {name: array[:3] for name, array in many.items()}
    np.testing.assert_array_equal(
        model.read(few, (Readout(goal[0].layer, weights[:3]),)), every[:3]
    )


def test_guided_lets_only_what_is_positive_back_through_rectifiers():
    inputs = keras.Input((6, 6, 2))
    hidden = keras.layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
    hidden = keras.layers.ReLU(name="second")(keras.layers.Conv2D(2, 3, name="plain")(hidden))
    live = models.randomise(keras.Model(inputs, keras.layers.Flatten(name="flat")(hidden)))
    model = load_model(live)
    images = np.random.default_rng(1).normal(size=(1, 6, 6, 2)).astype("float32")
    name = model.info.inputs[0].name
    weights = np.random.default_rng(2).normal(size=(1, 8)).astype("float32")
    goal = (Readout("flat", weights),)
    plain = model.differentiate({name: images}, goal, by=[name]).inputs[name]
    result = model.differentiate({name: images}, goal, by=[name], guided=True).inputs[name]
    kernels = [as_array(live.get_layer(part).kernel.value) for part in ("first", "plain")]
    biases = [as_array(live.get_layer(part).bias.value) for part in ("first", "plain")]
    np.testing.assert_allclose(
        result[0], guided_by_hand(images[0], kernels, biases, weights), atol=1e-5
    )
    assert not np.allclose(result, plain)
    again = model.differentiate({name: images}, goal, by=[name]).inputs[name]
    np.testing.assert_array_equal(again, plain)


def guided_by_hand(image, kernels, biases, weights):
    """Two convolutions with rectifiers, forward and guided back, in loops."""

    def forward(values, kernel, bias):
        high, wide = values.shape[0] - 2, values.shape[1] - 2
        output = np.zeros((high, wide, kernel.shape[-1]))
        for y in range(high):
            for x in range(wide):
                patch = values[y : y + 3, x : x + 3, :, None]
                output[y, x] = (patch * kernel).sum(axis=(0, 1, 2)) + bias
        return output

    def back(slope, kernel, shape):
        output = np.zeros(shape)
        for y in range(slope.shape[0]):
            for x in range(slope.shape[1]):
                output[y : y + 3, x : x + 3] += (kernel * slope[y, x]).sum(axis=-1)
        return output

    first = forward(image.astype(float), kernels[0], biases[0])
    second = forward(np.maximum(first, 0), kernels[1], biases[1])
    slope = weights.reshape(second.shape).astype(float)
    slope = np.maximum(slope, 0) * (second > 0)
    slope = back(slope, kernels[1], first.shape)
    slope = np.maximum(slope, 0) * (first > 0)
    return back(slope, kernels[0], image.shape)


def test_guided_needs_rectifiers():
    inputs = keras.Input((4, 4, 1))
    model = load_model(keras.Model(inputs, keras.layers.Conv2D(1, 3, name="conv")(inputs)))
    name = model.info.inputs[0].name
    with pytest.raises(ModelInputError, match=r"ReLUs, and there is none .*: use 'gradient'"):
        model.differentiate(
            {name: np.zeros((1, 4, 4, 1), np.float32)},
            (Readout("conv", np.ones((1, 1, 1, 1), np.float32)),),
            by=[name],
            guided=True,
        )


def test_redrawn_weights_are_random_the_same_each_time_and_given_back():
    model, batch, _, goal = opened("sequential")
    before = [as_array(variable.value).copy() for variable in model.model.weights]
    plain = model.read(batch, goal)
    results = []
    for seed in (3, 3, 4):
        with model.randomised(["top", "norm", "flat"], seed):
            results.append(model.read(batch, goal))
            now = {v.path: as_array(v.value) for v in model.model.weights}
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])
    assert not np.allclose(results[0], plain)
    for variable, array in zip(model.model.weights, before, strict=True):
        np.testing.assert_array_equal(as_array(variable.value), array)
        if "variance" in variable.path:
            assert (now[variable.path] > 0).all()
        if "conv" in variable.path:
            np.testing.assert_array_equal(now[variable.path], array)
    np.testing.assert_array_equal(model.read(batch, goal), plain)
    with pytest.raises(RuntimeError, match="stop"), model.randomised(["top"], 0):
        raise RuntimeError("stop")
    np.testing.assert_array_equal(model.read(batch, goal), plain)


@pytest.mark.one_backend
@pytest.mark.parametrize("late", [False, True])
def test_weights_come_back_however_often_it_is_interrupted(late, monkeypatch):
    """Ctrl-C inside the block, and again while a weight is given back: each in its turn."""
    model, *_ = opened("sequential")
    weights = model.model.weights
    before = [as_array(variable.value).copy() for variable in weights]
    assign, done, at = keras.Variable.assign, [], -1

    def interrupted(variable, value):
        if late:
            assign(variable, value)
        done.append(variable)
        if len(done) == at:
            raise KeyboardInterrupt
        if not late:
            assign(variable, value)

    monkeypatch.setattr(keras.Variable, "assign", interrupted)
    for at in range(1, 2 * len(weights) + 1):
        done.clear()
        with pytest.raises(KeyboardInterrupt), model.randomised(["conv", "norm", "top"], at):
            raise KeyboardInterrupt
        for variable, array in zip(weights, before, strict=True):
            np.testing.assert_array_equal(as_array(variable.value), array, f"{at}")


def test_requests_that_are_refused():
    model, batch, _, goal = opened("functional")
    with pytest.raises(SelectionError, match="no layer 'lefft'"):
        model.differentiate(batch, goal, layers=["lefft"])
    left = (Readout("left", np.ones((1, 1, 1, 4), np.float32)),)
    with pytest.raises(ModelInputError, match="does not depend on the output of layer 'right'"):
        model.differentiate(batch, left, layers=["right"])
    with pytest.raises(ModelInputError, match="does not depend"):
        model.ablate(
            {name: array[:1] for name, array in batch.items()},
            left,
            "scores",
            np.ones((1, 3), np.float32),
        )
    before = (Readout("left", np.ones((1, 1, 1, 4), np.float32), before=True),)
    with pytest.raises(ModelInputError, match="does not depend"):
        model.differentiate(batch, before, layers=["left"])
    with pytest.raises(ModelInputError, match="one image"):
        model.ablate(batch, goal, "left", np.ones((1, 4), np.float32))
