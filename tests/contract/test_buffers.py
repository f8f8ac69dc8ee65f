"""What a pass makes beside what it takes and gives is counted before it runs, on every backend."""

import keras
import numpy as np
import pytest

from layersight.data.readout import Readout
from layersight.errors import ModelInputError
from layersight.frameworks.keras import checking
from layersight.frameworks.keras.backends import measure
from layersight.frameworks.keras.checking import check_pass, count_work, follow_buffers
from layersight.frameworks.keras.model import KerasModel
from layersight.limits import Limits

MIB = 1 << 20


def attention(side=64):
    entry = keras.Input((side, side, 3), name="entry")
    rows = keras.layers.Reshape((side * side, 3), name="rows")(entry)
    seen = keras.layers.MultiHeadAttention(2, 4, name="attention")(rows, rows)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(seen)
    return keras.Model(entry, keras.layers.Dense(2, name="dense")(mean), name="model")


def held(model):
    opened = KerasModel(model, limits=Limits())
    shapes = [(None, *entry.shape[1:]) for entry in opened._inputs()]
    view = opened._view(shapes)
    counts = follow_buffers(view.program, range(len(view.program.steps)), view.inputs)
    return {step.key[-1][0]: counts[n] for n, step in enumerate(view.program.steps)}, view


def test_the_largest_tensor_of_a_computation_is_found_without_making_it():
    def compute(x):
        return keras.ops.sum(keras.ops.tile(x, [10**5, 10**4]))

    result = measure(compute, [((1, 8), "float32")])
    assert result.largest == 4 * 8 * 10**9
    assert result.outputs == (((), "float32"),)


def test_the_scores_of_attention_count():
    counts, _ = held(attention())
    assert counts["attention"] >= 2 * 4096 * 4096 * 4
    assert counts["rows"] == 2 * 64 * 64 * 3 * 4


@pytest.mark.one_backend
def test_why_a_step_cannot_be_traced_is_noted(monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(checking, "measure", fail)
    with caplog.at_level("DEBUG", "layersight"):
        held(attention())
    assert "layer 'attention' cannot be traced" in caplog.text
    assert "a fault of ours" in caplog.text


def test_an_output_without_a_known_shape_is_counted():
    entry = keras.Input((8, 8, 3), name="entry")
    model = keras.Model(entry, keras.ops.diagflat(entry, k=1000))
    counts, _ = held(model)
    assert max(counts.values()) >= 1192**2 * 4


def test_a_pass_that_takes_too_much_is_refused_before_it_runs():
    model = KerasModel(attention(), limits=Limits(64 * MIB))
    inputs = {"entry": np.zeros((1, 64, 64, 3), "float32")}
    assert model.forward(inputs, ["rows"]).layers["rows"].shape == (1, 4096, 3)
    with pytest.raises(ModelInputError, match=r"'attention' takes .* more than 64 MiB.*--max-mem"):
        model.forward(inputs, ["mean"])
    goal = (Readout("dense", np.ones((1, 2), "float32")),)
    with pytest.raises(ModelInputError, match="'attention' takes"):
        model.read(inputs, goal)
    with pytest.raises(ModelInputError, match="'attention' takes"):
        model.differentiate(inputs, goal, by=["entry"])


def chain():
    x = entry = keras.Input((256, 256, 3), name="entry")
    for number in range(8):
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(entry, x)


def test_the_backward_pass_holds_every_map():
    model = KerasModel(chain(), limits=Limits(5 * MIB))
    inputs = {"entry": np.zeros((1, 256, 256, 3), "float32")}
    goal = (Readout("mean", np.ones((1, 3), "float32")),)
    assert model.read(inputs, goal).shape == (1,)
    with pytest.raises(ModelInputError, match=r"the backward pass.*6 MiB.*more than 5 MiB"):
        model.differentiate(inputs, goal, by=["entry"])
    assert model.differentiate(inputs, goal, layers=["relu_6"]).scores.shape == (1,)


def test_weights_pay_for_memory_of_their_own():
    _, view = held(chain())
    with pytest.raises(ModelInputError, match="the backward pass"):
        check_pass(view, ["mean"], Limits(5 * MIB), 0, back=True)
    check_pass(view, ["mean"], Limits(5 * MIB), 10**5, back=True)


def test_the_work_of_a_step_is_about_that_of_its_products():
    entry = keras.Input((32, 32, 3), name="entry")
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(entry)
    x = keras.layers.MaxPooling2D(16, strides=1, padding="same", name="pool")(x)
    _, view = held(keras.Model(entry, x))
    work = [count_work(step) for step in view.program.steps]
    assert work[-2:] == [32 * 32 * 8 * 27, 32 * 32 * 8 * 2560]


def test_a_window_that_would_take_minutes():
    entry = keras.Input((300, 300, 8), name="entry")
    x = keras.layers.MaxPooling2D(1000, strides=1, padding="same", name="pool")(entry)
    model = KerasModel(keras.Model(entry, x), limits=Limits())
    with pytest.raises(ModelInputError, match=r"'pool' takes 7.2e.12 products"):
        model.forward({"entry": np.zeros((1, 300, 300, 8), "float32")}, ["pool"])


def test_whoever_chooses_the_size_or_allows_more_memory_allows_more_work():
    def pooled(size):
        entry = keras.Input((size, size, 8), name="entry")
        x = keras.layers.AveragePooling2D(100, strides=1, padding="same", name="pool")(entry)
        return KerasModel(keras.Model(entry, x))._view([(None, 1000, 1000, 8)])

    fixed, free = pooled(1000), pooled(None)
    with pytest.raises(ModelInputError, match=r"8.0e.11 products.*5.0e.10 allowed.*--max-memory"):
        check_pass(fixed, ["pool"], Limits(), 0)
    check_pass(fixed, ["pool"], Limits(32 << 30), 0)
    check_pass(free, ["pool"], Limits(), 0, any_size=True)
