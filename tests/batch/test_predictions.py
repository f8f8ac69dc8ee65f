"""What a model says, in words."""

import numpy as np
import pytest

from layersight.data.prediction import TOP, ClassScore, predict


def say(values, labels=None):
    return predict({"top": np.array([values], np.float32)}, labels)[0][0]


def test_the_strongest_classes_come_first_and_ties_keep_their_order():
    found = say([0.1, 0.4, 0.05, 0.4, 0.01, 0.02, 0.02])
    assert [entry.index for entry in found.top] == [1, 3, 0, 2, 5]
    assert len(found.top) == TOP
    assert found.size == 7
    assert found.describe() == "class 1 0.4, class 3 0.4, class 0 0.1, class 2 0.05, class 5 0.02"


def test_names_of_classes_are_used_where_they_fit():
    assert say([0.25, 0.75], ("cat", "dog")).describe() == "dog 0.75, cat 0.25"
    assert say([0.25, 0.5, 0.25], ("cat", "dog")).describe().startswith("class 1 0.5")


@pytest.mark.parametrize(
    ("score", "labels", "words"),
    [
        (0.25, ("cat", "dog"), "cat 0.75, dog 0.25"),
        (0.75, ("cat", "dog"), "dog 0.75, cat 0.25"),
        (0.5, ("cat", "dog"), "dog 0.5, cat 0.5"),
        (-1.5, ("cat", "dog"), "output -1.5"),
        (2.0, ("cat", "dog"), "output 2"),
        (0.25, None, "output 0.25"),
        (0.25, ("cat", "dog", "bird"), "output 0.25"),
        (float("nan"), ("cat", "dog"), "output nan"),
    ],
)
def test_a_single_number(score, labels, words):
    found = say([score], labels)
    assert found.describe() == words
    assert found.size == 1


def test_numbers_that_are_none_come_last():
    found = say([np.nan, 0.2, np.inf, -np.inf, 0.3])
    assert [entry.index for entry in found.top][:3] == [2, 4, 1]
    assert "nan" in found.describe()


def test_an_output_that_is_a_picture_names_no_class():
    found = say(np.zeros((4, 4, 2)))
    assert (found.size, found.top) == (32, ())
    assert found.describe() == "an array of 4 x 4 x 2 numbers from 0 to 0"


def test_an_output_of_one_number_for_each_image():
    found = predict({"loss": np.zeros(3, np.float32)})
    assert [entry[0].size for entry in found] == [1, 1, 1]


def test_several_outputs_and_images():
    outputs = {"a": np.eye(3, 2, dtype=np.float32), "b": np.zeros((3, 4), np.float32)}
    found = predict(outputs)
    assert [[entry.output for entry in image] for image in found] == [["a", "b"]] * 3
    assert found[1][0].top[0] == ClassScore(1, 1.0)
    assert predict({}) == ()
