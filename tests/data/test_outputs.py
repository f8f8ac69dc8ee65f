"""What an output is: from its last activation and its shape, never more than they tell."""

import numpy as np
import pytest

from described import described
from layersight.data.model import ModelInfo
from layersight.data.prediction import is_value, kind_of, kinds_of, predict, quantity, unit_name


def made(shape, activation=None, labels=None, *, kind="Dense", name="top", more=()):
    end = described(name, kind, shape, activation=activation, inputs=tuple(n.name for n in more))
    return ModelInfo(
        "net", "a live model", "", "", (), (name,), (*more, end), 0, labels=labels
    ), end


@pytest.mark.parametrize(
    ("shape", "activation", "labels", "kind", "unit"),
    [
        ((None, 3), "softmax", None, "classes", None),
        ((None, 3), "sigmoid", None, "labels", None),
        ((None, 3), "linear", None, "values", "output 2"),
        ((None, 3), "tanh", None, "values", "output 2"),
        ((None, 3), "linear", ("a", "b", "c"), "classes", None),
        ((None, 3), "linear", ("a", "b"), "values", "output 2"),
        ((None, 1), "sigmoid", None, "probability", "output"),
        ((None, 1), "sigmoid", ("no", "yes"), "probability", "output"),
        ((None, 1), "linear", None, "value", "output"),
        ((None, 1), "tanh", None, "value", "output"),
        ((None, 1), "linear", ("no", "yes"), "classes", None),
        ((None, 8, 8, 3), "sigmoid", None, "picture", "channel 2"),
        ((None, 8, 8, 1), "linear", None, "picture", "output"),
        ((None, 8, 8, 1), "sigmoid", None, "map", "output"),
        ((None, 8, 8, 21), "softmax", None, "map", None),
        ((None, 8, 8, 3), "softmax", None, "map", None),
        ((None, 20, 8), "linear", None, "sequence", "channel 2"),
        (None, None, None, "values", "output 2"),
    ],
)
def test_the_last_activation_and_the_shape_tell(shape, activation, labels, kind, unit):
    info, end = made(shape, activation, labels)
    assert kind_of(info, end) == kind
    assert unit_name(info, end, 2) == unit
    assert kinds_of(info) == {"top": kind}
    assert is_value(info, "top") == (kind in ("value", "values", "picture", "sequence"))


def test_layers_that_move_numbers_pass_it_on_and_others_do_not():
    soft = described("soft", "Dense", (None, 2), activation="softmax", inputs=("input",))
    other = described("other", "Dense", (None, 2), activation="softmax", inputs=("input",))
    for kind, wanted in (("Flatten", "classes"), ("Add", "values"), ("Lambda", "values")):
        info, end = made((None, 2), kind=kind, more=(soft,))
        assert kind_of(info, end) == wanted
    info, end = made((None, 2), kind="Average", more=(soft, other))
    assert kind_of(info, end) == "classes"


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("age", (None, 1), "age"),
        ("dense_3", (None, 1), "the output"),
        ("predictions", (None, 1), "the output"),
        ("landmarks", (None, 4), "landmarks, output 1"),
        ("dense", (None, 4), "output 1"),
    ],
)
def test_what_is_raised_has_the_name_that_its_author_gave(name, shape, words):
    info, _ = made(shape, name=name)
    assert quantity(info, name, 1) == words


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([-0.47], "value", "value -0.47"),
        ([0.25], "probability", "probability 0.25"),
        ([0.5, 0.25, -1.0], "values", "3 values from -1 to 0.5; the greatest: output 0 0.5"),
        (np.full((4, 4, 3), 0.5), "picture", "a picture of 4 x 4 x 3 numbers from 0.5 to 0.5"),
        (np.zeros((4, 4, 1)), "map", "a map of 4 x 4 x 1 numbers from 0 to 0"),
        ([0.25, 0.75], "classes", "class 1 0.75, class 0 0.25"),
    ],
)
def test_what_an_output_says_in_words(values, kind, words):
    found = predict({"top": np.array([values], np.float32)}, None, {"top": kind})[0][0]
    assert found.describe().startswith(words)
    assert found.kind == kind
