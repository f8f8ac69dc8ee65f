"""Which layer a heatmap is made of: the usual ones of well-known networks, and why."""

from __future__ import annotations

import pytest

from described import described
from layersight.data.model import InputInfo, ModelInfo
from layersight.errors import ModelInputError, SelectionError
from layersight.nouns.heatmaps.choice import choose_layers, find_layers, has_spatial_maps
from layersight.nouns.heatmaps.methods.method import ONE, SEVERAL

KERNELS = ("Conv2D", "Conv1D", "Conv3D", "Dense", "BatchNormalization", "Conv2DTranspose")


def model(*rows, size=32, **known):
    """Rows of name, type, side of the maps (or shape), and the names that it takes."""
    layers = []
    for name, kind, side, takes in rows:
        shape = (None, side, side, 8) if isinstance(side, int) else side
        layers.append(
            described(
                name,
                kind,
                shape,
                10 if kind in KERNELS else 0,
                inputs=tuple(takes.split()),
                activation="linear" if kind == "Activation" else None,
                **known,
            )
        )
    return ModelInfo(
        *("m", "", "", ""), (InputInfo("picture", (None, size, size, 3)),), (), tuple(layers), 0
    )


def chosen(info, end, kind=ONE, **options):
    last = next(layer for layer in info.layers if layer.name == end)
    return choose_layers(info, last, kind, **options).names


VECTOR = (None, 10)

VGG = model(
    ("block1_conv1", "Conv2D", 32, "input"),
    ("block1_pool", "MaxPooling2D", 16, "block1_conv1"),
    ("block2_conv1", "Conv2D", 16, "block1_pool"),
    ("block2_pool", "MaxPooling2D", 8, "block2_conv1"),
    ("block5_conv3", "Conv2D", 8, "block2_pool"),
    ("block5_pool", "MaxPooling2D", 4, "block5_conv3"),
    ("flatten", "Flatten", (None, 128), "block5_pool"),
    ("fc1", "Dense", (None, 64), "flatten"),
    ("drop", "Dropout", (None, 64), "fc1"),
    ("predictions", "Dense", VECTOR, "drop"),
)


def test_the_last_convolution_of_vgg_and_why():
    choice = choose_layers(VGG, VGG.layers[-1], ONE)
    assert choice.names == ("block5_conv3",)
    assert choice.note == "layer block5_conv3 (8 x 8): the last layer with maps before the score"


def test_the_last_rectifier_of_mobilenet():
    info = model(
        ("body/conv", "Conv2D", 8, "input"),
        ("body/bn", "BatchNormalization", 8, "body/conv"),
        ("body/relu", "ReLU", 8, "body/bn"),
        ("gap", "GlobalAveragePooling2D", (None, 1, 1, 8), "body/relu"),
        ("dropout", "Dropout", (None, 1, 1, 8), "gap"),
        ("conv_preds", "Conv2D", 1, "dropout"),
        ("reshape", "Reshape", VECTOR, "conv_preds"),
        ("act_softmax", "Activation", VECTOR, "reshape"),
    )
    assert chosen(info, "act_softmax") == ("body/relu",)


def test_only_layers_that_the_target_depends_on_count():
    info = model(
        ("stem", "Conv2D", 16, "input"),
        ("left", "Conv2D", 8, "stem"),
        ("gap", "GlobalAveragePooling2D", (None, 8), "left"),
        ("right", "Conv2D", 8, "stem"),
        ("kind", "Dense", VECTOR, "gap"),
        ("mask", "Conv2DTranspose", 16, "right"),
    )
    assert chosen(info, "kind") == ("left",)
    assert chosen(info, "mask") == ("right",)


def test_joins_and_sums_are_layers_with_maps():
    info = model(
        ("a", "Conv2D", 8, "input"),
        ("b", "Conv2D", 8, "a"),
        ("mixed10", "Concatenate", 8, "a b"),
        ("top", "Dense", VECTOR, "mixed10"),
    )
    assert chosen(info, "top") == ("mixed10",)


def test_layers_that_only_transform_the_target_are_its_own():
    info = model(
        ("stem", "Conv2D", 8, "input"),
        ("scores", "Conv2D", 8, "stem"),
        ("norm", "BatchNormalization", 8, "scores"),
        ("relu", "ReLU", 8, "norm"),
        ("softmax", "Softmax", 8, "relu"),
    )
    for end in ("scores", "norm", "relu", "softmax"):
        assert chosen(info, end) == ("stem",), end


def test_layers_without_features_of_their_own_are_passed_over():
    info = model(
        ("rescaling", "Rescaling", 32, "input"),
        ("conv", "Conv2D", 16, "rescaling"),
        ("same", "Activation", 16, "conv"),
        ("pad", "ZeroPadding2D", 18, "same"),
        ("drop", "SpatialDropout2D", 18, "pad"),
        ("up", "UpSampling2D", 36, "drop"),
        ("cut", "Cropping2D", 30, "up"),
        ("top", "Dense", VECTOR, "cut"),
    )
    assert chosen(info, "top") == ("conv",)


FLAT = ("flat", "Flatten", (None, 99))


@pytest.mark.parametrize(
    ("name", "kind", "shape", "result"),
    [
        ("scale", "TrueDivide", 32, "but the model has no convolutions"),
        ("conv", "Conv1D", (None, 30, 4), "the maps of 'conv' are 30"),
        ("conv", "Conv3D", (None, 5, 6, 7, 4), "the maps of 'conv' are 5 x 6 x 7"),
        ("drop", "Dropout", 32, "the model has no convolutions"),
        ("conv", "Conv2D", 1, "but none is on the way"),
    ],
)
def test_no_layer_with_maps(name, kind, shape, result):
    info = model((name, kind, shape, "input"), (*FLAT, name), ("top", "Dense", VECTOR, "flat"))
    with pytest.raises(ModelInputError, match=result) as caught:
        chosen(info, "top")
    assert "a layer with maps of rows and columns before 'top'" in str(caught.value)
    assert "a method that needs no layer, such as gradient" in str(caught.value)


def test_layers_inside_a_layer_count_by_their_order():
    block = model(
        ("stem", "Conv2D", 16, "input"),
        ("block/first", "Conv2D", 8, ""),
        ("block/second", "Conv2D", 8, ""),
        ("block", "Block", (None, 8), "stem"),
        ("other", "Conv2D", 4, "stem"),
        ("top", "Dense", VECTOR, "block"),
    )
    assert chosen(block, "top") == ("block/second",)
    assert chosen(block, "block/second") == ("block/first",)
    assert chosen(block, "block/first") == ("stem",)
    whole = model(
        ("stem", "Conv2D", 16, ""),
        ("tail/pool", "MaxPooling2D", 8, ""),
        ("tail/last", "Conv2D", 8, ""),
        ("gap", "GlobalAveragePooling2D", (None, 8), ""),
    )
    assert chosen(whole, "gap") == ("tail/last",)


def test_an_input_that_is_not_explained_does_not_count():
    info = model(
        ("conv_a", "Conv2D", 8, "input"),
        ("conv_b", "Conv2D", 8, "input"),
        ("both", "Concatenate", (None, 9), "conv_a conv_b"),
        ("top", "Dense", VECTOR, "both"),
    )
    assert chosen(info, "top") == ("conv_b",)

    def depends(layer):
        return layer.name != "conv_b"

    assert chosen(info, "top", depends=depends) == ("conv_a",)
    with pytest.raises(
        SelectionError, match=r"does not depend on the input that is explained.*conv_a"
    ):
        find_layers(info, info.layers[-1], "conv_b", depends=depends)


def test_several_are_the_last_of_the_two_coarsest_sizes_smaller_than_the_input():
    assert chosen(VGG, "predictions", SEVERAL) == ("block2_conv1", "block5_conv3")
    rows = [("c0", "Conv2D", 32, "input")]
    for stage in range(1, 6):
        rows += [
            (f"a{stage}", "Conv2D", 32 >> stage, rows[-1][0]),
            (f"b{stage}", "ReLU", 32 >> stage, f"a{stage}"),
        ]
    info = model(*rows, ("top", "Dense", VECTOR, "b5"))
    assert chosen(info, "top", SEVERAL) == ("b3", "b4")
    deep = model(
        *[(n, k, s if not isinstance(s, int) else s * 16, i) for n, k, s, i in rows],
        ("top", "Dense", VECTOR, "b5"),
        size=1024,
    )
    assert chosen(deep, "top", SEVERAL) == ("b4", "b5")
    free = model(*rows, ("top", "Dense", VECTOR, "b5"), size=None)
    assert chosen(free, "top", SEVERAL) == ("b3", "b4")
    flat = model(("only", "Conv2D", 32, "input"), ("top", "Dense", VECTOR, "only"))
    assert chosen(flat, "top", SEVERAL) == ("only",)
    choice = choose_layers(VGG, VGG.layers[-1], SEVERAL)
    assert choice.note == (
        "layers block2_conv1 (16 x 16), block5_conv3 (8 x 8): the last layer with maps of "
        "each of the coarsest sizes"
    )


def test_channels_first():
    info = model(
        ("conv", "Conv2D", (None, 8, 5, 4), "input"),
        ("top", "Dense", VECTOR, "conv"),
        data_format="channels_first",
    )
    assert choose_layers(info, info.layers[-1], ONE).note == (
        "layer conv (5 x 4): the last layer with maps before the score"
    )


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("block2_conv1", ("block2_conv1",)),
        (["block5_conv3", "block1_conv1"], ("block1_conv1", "block5_conv3")),
        ("block1_conv1,block5_conv3", ("block1_conv1", "block5_conv3")),
        ("block*_conv*", ("block1_conv1", "block2_conv1", "block5_conv3")),
        ("block5_pool", ("block5_pool",)),
        (0, ("block1_conv1",)),
    ],
)
def test_layers_by_name(asked, names):
    choice = find_layers(VGG, VGG.layers[-1], asked)
    assert choice.names == names
    assert choice.note is None


def test_a_nested_model_stands_for_its_last_layer_with_maps():
    info = model(
        ("body/a", "Conv2D", 8, "input"),
        ("body/b", "Conv2D", 8, "body/a"),
        ("body/flat", "Flatten", (None, 9), "body/b"),
        ("top", "Dense", VECTOR, "body/flat"),
    )
    assert find_layers(info, info.layers[-1], "body").names == ("body/b",)


@pytest.mark.parametrize(
    ("asked", "end", "message"),
    [
        ("blok5_conv3", "predictions", "no layer 'blok5_conv3'. Did you mean block5_conv3"),
        (
            "fc1",
            "predictions",
            "layer 'fc1' gives 64 numbers, which is no map.*would do: "
            "block5_conv3, block2_conv1, block1_conv1",
        ),
        ("block5_conv3", "block2_conv1", "is not on the way to it. These would do: block1_conv1"),
        ("block5_conv3", "block5_conv3", "it is the target's own. These would do: block2_conv1"),
        ([], "predictions", "expected at least one layer"),
        ("block1_conv1", "block1_conv1", "No layer would do: choose a method that needs none"),
    ],
)
def test_a_layer_that_cannot_do(asked, end, message):
    last = next(layer for layer in VGG.layers if layer.name == end)
    with pytest.raises(SelectionError, match=message):
        find_layers(VGG, last, asked)


def test_one_position_is_no_map():
    assert not has_spatial_maps(described("a", "Conv2D", (None, 1, 1, 8)))
    assert not has_spatial_maps(described("a", "Conv2D", (None, 0, 8, 8)))
    assert has_spatial_maps(described("a", "Conv2D", (None, 1, 8, 8)))
    assert has_spatial_maps(described("a", "Conv2D", (None, None, None, 8)))
    assert not has_spatial_maps(described("a", "Lambda", None))
