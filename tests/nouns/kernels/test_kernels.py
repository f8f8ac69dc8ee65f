"""The weights of filters, and what they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from layersight import kernels
from layersight.errors import SelectionError
from layersight.nouns.kernels.compute import factorise


@pytest.fixture
def model(fake):
    made = fake()
    chance = np.random.default_rng(0)
    made.weights = {
        "conv": chance.normal(size=(3, 3, 3, 4)).astype("float32"),
        "pool": chance.normal(size=(3, 2, 5, 6)).astype("float32"),
    }
    made.weights["conv"][..., 2] = 0
    return made


def test_every_layer_with_kernels_is_shown(model):
    found = kernels(model)
    assert [entry.name for entry in found] == ["conv", "pool"]
    assert np.array_equal(found.layers[0].values, model.weights["conv"])
    assert found.layers[0].zero.tolist() == [False, False, True, False]
    assert found.layers[1].inputs == 5
    assert found.notes == ()


def test_filters_are_chosen_and_a_note_names_layers_without(model):
    found = kernels(model, ["conv", "pool", "top"], "4:6")
    assert [entry.name for entry in found] == ["pool"]
    assert found.layers[0].filters == (4, 5)
    assert np.array_equal(found.layers[0].values, model.weights["pool"][..., 4:])
    assert found.notes == (
        "without kernels, so not shown: top",
        "without the channels asked for, so not shown: conv",
    )


def test_factors_make_the_kernel_again():
    chance = np.random.default_rng(1)
    shape, mix = chance.normal(size=(2, 3, 3)), chance.normal(size=(2, 7))
    kernel = np.einsum("khw,ki->hwi", shape, mix)[..., None].astype("float32")
    factors, shares = factorise(kernel)
    assert factors.shape == (1, 3, 3, 3)
    assert shares[0].sum() == pytest.approx(1)
    assert shares[0, 2] == pytest.approx(0, abs=1e-10)
    flat = factors[0, :2].reshape(2, -1)
    assert flat @ flat.T == pytest.approx(np.eye(2), abs=1e-5)
    again = flat.T @ (flat @ kernel.reshape(9, 7))
    assert again == pytest.approx(kernel.reshape(9, 7), abs=1e-5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, np.finfo("float32").max])
def test_weights_that_are_not_finite_give_no_warning(wrong):
    kernel = np.ones((3, 3, 2, 2), "float32")
    kernel[0, 0, 0, 0] = wrong
    factors, shares = factorise(kernel)
    assert np.isfinite(factors).all()
    assert np.isfinite(shares).all()
    assert shares[1].tolist() == pytest.approx([1, 0])


def test_a_kernel_of_zeros_has_no_shares():
    _, shares = factorise(np.zeros((3, 3, 2, 1), "float32"))
    assert (shares == 0).all()


def test_a_layer_without_kernels_is_refused(model):
    with pytest.raises(SelectionError, match=r"'top' \(Dense\) has no kernels"):
        kernels(model, "top")
    with pytest.raises(SelectionError, match="no channel 9"):
        kernels(model, "conv", 9)
