"""Layers that Keras 3 has not, against what their authors' formulas say, by slow loops."""

import itertools

import numpy as np
import pytest

import legacy
from layersight.errors import ModelFileError, UnsafeModelError
from layersight.loading import load_model

FILTERS, CHANNELS = 2, 3
CASES = {1: ((7,), (3,), (2,)), 2: ((5, 4), (3, 2), (2, 1))}
"""For each number of axes the sizes, the kernel and the strides."""


def positions_of(sizes, kernel, strides, padding):
    """For each output the pixels under it, each with its place in the kernel."""
    shift = [k // 2 if padding == "same" else 0 for k in kernel]
    length = [n if padding == "same" else n - k + 1 for n, k in zip(sizes, kernel, strict=True)]
    given = [-(-n // s) for n, s in zip(length, strides, strict=True)]
    for output in itertools.product(*map(range, given)):
        covered = []
        for offset in itertools.product(*map(range, kernel)):
            pixel = tuple(
                o * s - z + d for o, s, z, d in zip(output, strides, shift, offset, strict=True)
            )
            if all(0 <= p < n for p, n in zip(pixel, sizes, strict=True)):
                covered.append((offset, pixel))
        yield output, covered


def local(image, kernel, bias, case, *, padding, form, first):
    """A locally connected layer for one channels-last image, one product at a time."""
    sizes, extent, _ = case
    windows = list(positions_of(*case, padding))
    given = tuple(max(index[axis] for index, _ in windows) + 1 for axis in range(len(sizes)))
    entries = sorted(
        (flat(output, f, given, FILTERS, first), flat(pixel, c, sizes, CHANNELS, first))
        for output, covered in windows
        for _, pixel in covered
        for c in range(CHANNELS)
        for f in range(FILTERS)
    )
    place_of = {pair: index for index, pair in enumerate(entries)}
    outputs = np.zeros((*given, FILTERS))
    for number, (output, covered) in enumerate(windows):
        for f in range(FILTERS):
            for (offset, pixel), c in itertools.product(covered, range(CHANNELS)):
                if form == 1:
                    weight = kernel[number, flat(offset, c, extent, CHANNELS, first), f]
                elif form == 2 and first:
                    weight = kernel[(c, *pixel, f, *output)]
                elif form == 2:
                    weight = kernel[(*pixel, c, *output, f)]
                else:
                    pair = (
                        flat(output, f, given, FILTERS, first),
                        flat(pixel, c, sizes, CHANNELS, first),
                    )
                    weight = kernel[place_of[pair]]
                outputs[(*output, f)] += weight * image[(*pixel, c)]
    added = np.moveaxis(bias.reshape(FILTERS, *given), 0, -1) if first else bias
    return np.maximum(outputs + added, 0), len(entries)


def flat(index, channel, sizes, channels, first):
    if first:
        return int(np.ravel_multi_index((channel, *index), (channels, *sizes)))
    return int(np.ravel_multi_index((*index, channel), (*sizes, channels)))


def kernel_shape(case, given, form, first, entries):
    sizes, extent, _ = case
    if form == 1:
        return (int(np.prod(given)), int(np.prod(extent)) * CHANNELS, FILTERS)
    if form == 3:
        return (entries,)
    taken = (CHANNELS, *sizes) if first else (*sizes, CHANNELS)
    return (*taken, *((FILTERS, *given) if first else (*given, FILTERS)))


def opened(tmp_path, *layers, version="2.2.4", backend="tensorflow", **arrays):
    """A file of layers as a version of Keras wrote it, with the arrays of each by its name."""
    config = legacy.sequential(*layers, version=version)
    path = tmp_path / "old.h5"
    return load_model(legacy.write(path, config, arrays, version=version, backend=backend))


def output_of(model, values, layer):
    return model.forward({model.info.inputs[0].name: values}, [layer]).layers[layer]


def drawn(*shapes, seed=0):
    draw = np.random.default_rng(seed)
    return [draw.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("axes", [pytest.param(1, marks=pytest.mark.one_backend), 2])
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("form", "padding"), [(1, "valid"), (2, "valid"), (2, "same"), (3, "same")]
)
def test_locally_connected(tmp_path, axes, order, form, padding):
    case, first = CASES[axes], order == "channels_first"
    sizes, extent, strides = case
    windows = list(positions_of(*case, padding))
    given = tuple(max(index[axis] for index, _ in windows) + 1 for axis in range(axes))
    entries = sum(len(covered) for _, covered in windows) * CHANNELS * FILTERS
    shapes = kernel_shape(case, given, form, first, entries), (*given, FILTERS)
    kernel, bias, image = drawn(*shapes, (1, *sizes, CHANNELS), seed=form)
    layer = legacy.layer(
        f"LocallyConnected{axes}D", "local", filters=FILTERS, kernel_size=list(extent),
        strides=list(strides), padding=padding, data_format=order, activation="relu",
        use_bias=True, implementation=form, kernel_regularizer=None,
        batch_input_shape=[None, *((CHANNELS, *sizes) if first else (*sizes, CHANNELS))],
    )  # fmt: skip
    model = opened(tmp_path, layer, local={"local/kernel:0": kernel, "local/bias:0": bias})
    wanted, count = local(image[0], kernel, bias, case, padding=padding, form=form, first=first)
    assert count == entries
    np.testing.assert_allclose(output_of(model, image, "local")[0], wanted, rtol=1e-5, atol=1e-5)
    assert model.info.layers[0].receptive_field == extent
    with pytest.raises(ModelFileError, match="'local' needs 'LocallyConnected"):
        model.save(tmp_path / "new.keras")


@pytest.mark.one_backend
def test_locally_connected_of_keras_1(tmp_path):
    kernel, bias, image = drawn((12, 18, 2), (4, 3, 2), (1, 6, 4, 3))
    layer = legacy.layer(
        "LocallyConnected2D", "local", nb_filter=2, nb_row=3, nb_col=2, subsample=[1, 1],
        border_mode="valid", dim_ordering="tf", activation="relu", bias=True,
        init="glorot_uniform", W_regularizer=None, trainable=True,
        batch_input_shape=[None, 6, 4, 3], input_dtype="float32",
    )  # fmt: skip
    arrays = {"local_W": kernel, "local_b": bias}
    model = opened(tmp_path, layer, version="1.2.2", backend=None, local=arrays)
    case = ((6, 4), (3, 2), (1, 1))
    wanted, _ = local(image[0], kernel, bias, case, padding="valid", form=1, first=False)
    np.testing.assert_allclose(output_of(model, image, "local")[0], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize("size", [10**5, 10**9])
def test_a_locally_connected_layer_with_more_weights_than_its_file(tmp_path, size):
    settings = {"filters": size, "kernel_size": [3], "batch_input_shape": [None, 1000, 3]}
    layer = legacy.layer("LocallyConnected1D", "local", **settings)
    with pytest.raises((UnsafeModelError, ModelFileError), match="local"):
        opened(tmp_path, layer, local={"local/kernel:0": np.zeros((998, 9, 2), "float32")})


def test_maxout(tmp_path):
    kernel, bias, values = drawn((4, 3, 5), (4, 5), (2, 3))
    layer = legacy.layer("MaxoutDense", "max", output_dim=5, nb_feature=4, input_dim=3, bias=True,
                         init="glorot_uniform", b_constraint=None)  # fmt: skip
    arrays = {"max_W": kernel, "max_b": bias}
    model = opened(tmp_path, layer, version="1.0.7", backend=None, max=arrays)
    wanted = [[max(row @ kernel[n, :, u] + bias[n, u] for n in range(4)) for u in range(5)]
              for row in values]  # fmt: skip
    np.testing.assert_allclose(output_of(model, values, "max"), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "order", [("W", "W_carry", "b", "b_carry"), ("W", "b", "W_carry", "b_carry")]
)
def test_highway(tmp_path, order):
    *arrays, values = drawn(*((3, 3) if name[0] == "W" else 3 for name in order), (2, 3))
    held = dict(zip(order, arrays, strict=True))
    layer = legacy.layer("Highway", "way", activation="relu", transform_bias=-2, bias=True,
                         init="glorot_uniform", batch_input_shape=[None, 3],
                         input_dim=3)  # fmt: skip
    weights = {f"way_{name}": array for name, array in held.items()}
    model = opened(tmp_path, layer, version="1.2.2", backend=None, way=weights)
    for row, result in zip(values, output_of(model, values, "way"), strict=True):
        share = 1 / (1 + np.exp(-(row @ held["W_carry"] + held["b_carry"])))
        hidden = np.maximum(row @ held["W"] + held["b"], 0)
        np.testing.assert_allclose(result, share * hidden + (1 - share) * row, rtol=1e-5)


@pytest.mark.one_backend
def test_a_sequential_that_begins_by_merging(tmp_path):
    """Three branches, two of them merged before the third."""

    def dense(name, size, units, **more):
        return legacy.layer("Dense", name, output_dim=units, activation="linear", bias=True,
                            batch_input_shape=[None, size], **more)  # fmt: skip

    def branch(*layers):
        return legacy.sequential(*layers, version="1.0.7")

    def merge(name, mode, *branches):
        return legacy.layer("Merge", name, layers=list(branches), mode=mode, concat_axis=-1)

    config = branch(
        merge(
            "both", "concat",
            branch(merge("sum", "sum", branch(dense("a", 3, 4)), branch(dense("b", 2, 4)))),
            branch(dense("c", 5, 2), legacy.layer("Activation", "act", activation="tanh")),
        ),
        legacy.layer("Dense", "top", output_dim=2, activation="linear", bias=False),
    )  # fmt: skip
    sizes = {"a": (3, 4), "b": (2, 4), "c": (5, 2), "top": (6, 2)}
    kernels = dict(zip(sizes, drawn(*sizes.values()), strict=True))
    biases = dict(zip(sizes, drawn(4, 4, 2, 2, seed=1), strict=True))
    arrays = {
        name: {f"{name}_W": kernels[name]} | ({} if name == "top" else {f"{name}_b": biases[name]})
        for name in sizes
    }
    path = legacy.write(tmp_path / "merge.h5", config, arrays, version="1.0.7", backend=None)
    model = load_model(path)
    (*values,) = drawn((2, 3), (2, 2), (2, 5), seed=2)
    inputs = dict(zip([entry.name for entry in model.info.inputs], values, strict=True))
    assert list(inputs) == ["a_input", "b_input", "c_input"]
    assert any(text.startswith("merged-branches") for text in model.info.rewrites)
    result = model.forward(inputs, ["sum", "both"], outputs=True)
    hidden = {
        name: inputs[f"{name}_input"] @ kernels[name] + biases[name] for name in ("a", "b", "c")
    }
    both = np.concatenate([hidden["a"] + hidden["b"], np.tanh(hidden["c"])], axis=1)
    np.testing.assert_allclose(result.layers["sum"], hidden["a"] + hidden["b"], rtol=1e-5)
    np.testing.assert_allclose(result.layers["both"], both, rtol=1e-5)
    np.testing.assert_allclose(result.outputs["top"], both @ kernels["top"], rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "new.keras")


@pytest.mark.one_backend
def test_a_layer_in_two_merged_branches_is_refused(tmp_path):
    same = legacy.sequential(
        legacy.layer("Dense", "a", output_dim=1, batch_input_shape=[None, 2]), version="1.0.7"
    )
    merge = legacy.layer("Merge", "m", layers=[same, same], mode="sum")
    with pytest.raises(ModelFileError, match="'a' is in several branches"):
        opened(tmp_path, merge, version="1.0.7")


def test_random_sizes_pass_images_on(tmp_path):
    tall = {"factor": 0.2, "interpolation": "bilinear", "seed": None}
    wide = {"factor": [0.1, 0.2], "interpolation": "nearest", "seed": 1}
    model = opened(
        tmp_path,
        legacy.layer("RandomHeight", "tall", **tall, batch_input_shape=[None, 4, 4, 1]),
        legacy.layer("RandomWidth", "wide", **wide),
        legacy.layer("Flatten", "flat"),
        legacy.layer("Dense", "top", units=1, use_bias=False),
        version="2.6.0",
        top={"top/kernel:0": np.arange(16, dtype="float32")[:, None]},
    )
    image = np.ones((1, 4, 4, 1), "float32")
    result = model.forward({model.info.inputs[0].name: image}, ["wide"], outputs=True)
    np.testing.assert_array_equal(result.layers["wide"], image)
    assert result.outputs["top"].item() == 120
