"""Formulas read from the code of lambdas, against NumPy: what people publish in Lambda layers."""

import base64
import json
import marshal
import sys

import keras
import numpy as np
import pytest
from formulas import FORMS, NOT_TENSORFLOW_2, responses, tf

import layersight
from layersight.errors import UnsafeModelError
from layersight.frameworks.keras.backends import to_numpy
from layersight.frameworks.keras.formula import Formula
from layersight.frameworks.keras.ops import SLICES, find_operation
from layersight.frameworks.keras.saving import make_plain
from layersight.frameworks.keras.sizes import at_most
from layersight.limits import Limits
from layersight.loading.rewrites.lambdas import find_formula

SUPPORTED = sys.version_info[:2] in ((3, 11), (3, 12), (3, 13))
"""The versions of Python whose own byte code layersight reads, so that a test can make some."""


def formula_of(function):
    code = base64.b64encode(marshal.dumps(function.__code__)).decode()
    return find_formula({"function": [code, list(function.__defaults__ or ()), None]})


def check(result, expected):
    """What a backend gives, value by value of ``expected``, an array or a tuple of them."""
    result = [to_numpy(value) for value in keras.tree.flatten(result)]
    for one, other in zip(result, as_tuple(expected), strict=True):
        assert one.shape == other.shape
        scale = max(1.0, np.abs(np.nan_to_num(other)).max())
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-6 * scale)


def as_tuple(values):
    return values if isinstance(values, tuple) else (values,)


def apply(function, arrays, example, make):
    """Gives a function what it takes: one value, or a list of them."""
    made = [make(array) for array in arrays]
    return function(made if isinstance(example, list) else made[0])


@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize("name", FORMS)
def test_numbers(name):
    """The layer gives the right numbers, and the shapes that it promises."""
    function, example, wanted = FORMS[name]
    formula = formula_of(function)
    assert formula is not None
    layer = Formula(formula)
    arrays = example if isinstance(example, list) else [example]
    expected = wanted(*arrays)
    check(apply(layer, arrays, example, keras.ops.convert_to_tensor), expected)
    promised = apply(layer, arrays, example, lambda x: keras.KerasTensor((None, *x.shape[1:])))
    for one, other in zip(keras.tree.flatten(promised), as_tuple(expected), strict=True):
        assert one.shape[1:] == other.shape[1:]


@pytest.mark.one_backend
@pytest.mark.skipif(not SUPPORTED, reason="makes byte code of Python 3.11 to 3.13")
@pytest.mark.parametrize("name", FORMS)
def test_converted_to_keras_alone(name):
    """What ``convert`` writes names Keras alone and gives the same numbers."""
    function, example, wanted = FORMS[name]
    arrays = example if isinstance(example, list) else [example]
    inputs = [keras.Input(array.shape[1:]) for array in arrays]
    layer = Formula(formula_of(function), name="formula")
    model = keras.Model(inputs, layer(inputs if isinstance(example, list) else inputs[0]))
    text = json.dumps(keras.saving.serialize_keras_object(make_plain(model)[0]))
    assert "layersight" not in text
    plain = keras.saving.deserialize_keras_object(json.loads(text))
    check(plain([keras.ops.convert_to_tensor(array) for array in arrays]), wanted(*arrays))


if tf is not None:

    @pytest.mark.parametrize(
        "name",
        [
            name
            for name, (function, _, _) in FORMS.items()
            if {"tf"} == {"tf", "K", "ops", "imagenet_utils", "keras", "np"}
            & set(function.__code__.co_names) and name not in NOT_TENSORFLOW_2
        ],
    )  # fmt: skip
    def test_tensorflow_computes_the_same(name):
        """The references are right: TensorFlow gives the same for the lambda itself."""
        function, example, wanted = FORMS[name]
        arrays = example if isinstance(example, list) else [example]
        check(apply(function, arrays, example, tf.constant), wanted(*arrays))


def test_a_result_that_does_not_fit_in_memory_is_refused():
    formula = {"steps": [["tile", [["input"]], {"multiples": ["value", [1, 1 << 28]]}]],
               "result": ["step", 0]}  # fmt: skip
    with (
        at_most(None, "the file", Limits()),
        pytest.raises(UnsafeModelError, match=r"'wide' gives 4 GiB .* not computed"),
    ):
        Formula(formula, name="wide")(keras.KerasTensor((None, 4)))


def test_results_that_nothing_needs_are_let_go():
    """Of a hundred steps two are held at a time, and those that a later one needs."""
    steps = [["math.add", [["input"], ["value", 1]], {}]]
    steps += [["math.add", [["step", n], ["value", 1]], {}] for n in range(99)]
    with at_most(None, "the file", Limits()):
        layer = Formula({"steps": steps, "result": ["step", 99]})
        assert layer(keras.KerasTensor((None, 1 << 26))).shape == (None, 1 << 26)
        steps = [*steps[:20], ["math.add_n", [["list", [["step", n] for n in range(20)]]], {}]]
        with pytest.raises(UnsafeModelError, match=r"of 1.25 GiB held at once"):
            Formula({"steps": steps, "result": ["step", 20]})(keras.KerasTensor((None, 1 << 26)))


def test_a_formula_that_is_too_large_for_one_image_takes_a_smaller_one():
    inputs = keras.Input((None, None, 3))
    steps = [["math.add", [["input"], ["value", 1]], {}]]
    with at_most(None, "the file", Limits(1 << 20)):
        outputs = Formula({"steps": steps, "result": ["step", 0]}, name="wide")(inputs)
    model = layersight.load_model(keras.Model(inputs, outputs))
    for side in 400, 48, 401:
        image = np.ones((side, side, 3), "float32")
        if side == 48:
            assert layersight.activations(model, image)["wide"].max() == 2
            continue
        with pytest.raises(
            UnsafeModelError, match=r"'wide' gives 1.8. MiB for one .* not computed"
        ):
            layersight.activations(model, image)


@pytest.mark.one_backend
def test_a_formula_that_is_too_large_is_never_run_with_real_memory():
    """What fails in a trace Keras would try again with 83 images, on PyTorch alone."""
    devices = []

    class Watched(Formula):
        def call(self, inputs):
            devices.append(inputs.device.type)
            return super().call(inputs)

    steps = [["math.add", [["input"], ["value", n]], {}] for n in range(6)]
    steps.append(["math.add_n", [["list", [["step", n] for n in range(6)]]], {}])
    with (
        at_most(None, "the file", Limits(1 << 25)),
        pytest.raises(UnsafeModelError, match="held at once"),
    ):
        Watched({"steps": steps, "result": ["step", 6]})(keras.KerasTensor((None, 1 << 21)))
    assert set(devices) == {"meta"}


@pytest.mark.parametrize("reach", [0, 2, SLICES + 1, 10**9])
def test_a_response_is_divided_by_those_of_its_neighbours(reach):
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 150)).astype("float32")
    operation = find_operation("nn.local_response_normalization")
    tensor = keras.ops.convert_to_tensor(values)
    result = to_numpy(operation(tensor, reach, bias=2.0, alpha=0.5, beta=0.75))
    expected = responses(values, reach, 2.0, 0.5, 0.75)
    assert result == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("mode", ["EMPTY", "MEAN", "wrap", "edge", "linear_ramp", None, 3])
def test_only_paddings_of_tensorflow_are_computed(mode):
    """NumPy knows more, one of which takes what lies in memory."""
    pad, image = find_operation("pad"), keras.ops.ones((1, 2, 2, 1))
    with pytest.raises(ValueError, match="expected a padding CONSTANT, REFLECT or SYMMETRIC"):
        pad(image, [[0, 0], [1, 1], [0, 0], [0, 0]], mode)
