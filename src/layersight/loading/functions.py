"""The functions of TensorFlow and Keras that a formula may call, and what they take.

The same name means different things in TensorFlow, in the backend of Keras and in ``keras.ops``
(``argmax`` without an axis, ``repeat``), so that each has a table of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Known(NamedTuple):
    """What a function computes.

    Attributes:
        operation: The operation.
        settings: Its further arguments in their order.
        tensors: How many of the first arguments are tensors.
        fixed: Settings that the function does not take and the operation does.
        kind: What it gives; see :class:`layersight.loading.formulas.Ref`.
    """

    operation: str
    settings: tuple[str, ...] = ()
    tensors: int = 1
    fixed: tuple[tuple[str, Any], ...] = ()
    kind: str = "tensor"


def _known(operation: str, settings: str = "", tensors: int = 1, **fixed: Any) -> Known:
    return Known(operation, tuple(settings.split()), tensors, tuple(fixed.items()))


def _list(operation: str, settings: str = "", **fixed: Any) -> Known:
    return Known(operation, tuple(settings.split()), 1, tuple(fixed.items()), "tensors")


def _same(operations: str, prefix: str, tensors: int = 1) -> dict[str, Known]:
    return {name: _known(f"{prefix}{name}", tensors=tensors) for name in operations.split()}


def _reductions(prefix: str, dims: str = "keepdims") -> dict[str, Known]:
    return {
        f"{prefix}{name}": _known(f"math.reduce_{name}", f"axis {dims}")
        for name in ("mean", "sum", "max", "min", "prod", "any", "all")
    }


COMMON: dict[str, Known] = {
    **_same(
        "abs square sqrt exp log log1p expm1 sign sin cos tan floor ceil round rsqrt reciprocal "
        "erf negative is_nan is_inf is_finite logical_not sigmoid tanh softplus softsign",
        "math.",
    ),
    **_same("pow maximum minimum add subtract multiply greater less greater_equal", "math.", 2),
    **_same("less_equal equal not_equal logical_and logical_or squared_difference", "math.", 2),
    **_same("relu6 selu silu", "nn."),
    **_same("stop_gradient identity zeros_like ones_like", ""),
    "isnan": _known("math.is_nan"),
    "isinf": _known("math.is_inf"),
    "swish": _known("nn.silu"),
    "cast": _known("cast", "dtype"),
    "matmul": _known("linalg.matmul", "transpose_a transpose_b", 2),
    "expand_dims": _known("expand_dims", "axis"),
    "squeeze": _known("squeeze", "axis"),
    "where": _known("where", "", 3),
    "einsum": _known("einsum"),
    "tile": _known("tile", "multiples"),
}
"""What means the same everywhere."""

TENSORFLOW: dict[str, Known] = COMMON | {
    **_reductions("reduce_"),
    **_same("divide truediv divide_no_nan floordiv mod", "math.", 2),
    "div": _known("math.truediv", tensors=2),
    "floormod": _known("math.mod", tensors=2),
    "neg": _known("math.negative"),
    "reduce_std": _known("math.reduce_std", "axis keepdims"),
    "reduce_variance": _known("math.reduce_variance", "axis keepdims"),
    "reduce_logsumexp": _known("math.reduce_logsumexp", "axis keepdims"),
    "reduce_euclidean_norm": _known("norm", "axis keepdims"),
    "cumsum": _known("math.cumsum", "axis"),
    "norm": _known("norm", "ord axis keepdims"),
    "argmax": _known("math.argmax", "axis output_type"),
    "argmin": _known("math.argmin", "axis output_type"),
    "reshape": _known("reshape", "shape"),
    "transpose": _known("transpose", "perm"),
    "reverse": _known("reverse", "axis"),
    "slice": _known("slice", "begin size"),
    "strided_slice": _known("strided_slice", "begin end strides"),
    "gather": _known("gather", "indices validate_indices axis batch_dims"),
    "pad": _known("pad", "paddings mode constant_values"),
    "repeat": _known("repeat", "repeats axis"),
    "concat": _known("concat", "axis"),
    "stack": _known("stack", "axis"),
    "split": _list("split", "num_or_size_splits axis num"),
    "unstack": _list("unstack", "num axis"),
    "moments": _list("nn.moments", "axis shift keepdims"),
    "add_n": _known("math.add_n"),
    "one_hot": _known("one_hot", "depth on_value off_value axis dtype"),
    "tensordot": _known("tensordot", "axes", 2),
    "relu": _known("nn.relu"),
    "crelu": _known("nn.crelu", "axis"),
    "elu": _known("nn.elu"),
    "leaky_relu": _known("nn.leaky_relu", "alpha"),
    "gelu": _known("nn.gelu", "approximate"),
    "softmax": _known("nn.softmax", "axis"),
    "log_softmax": _known("nn.log_softmax", "axis"),
    "l2_normalize": _known("math.l2_normalize", "axis epsilon"),
    "clip_by_value": _known("clip_by_value", "clip_value_min clip_value_max"),
    "bias_add": _known("nn.bias_add", "data_format", 2),
    "depth_to_space": _known("nn.depth_to_space", "block_size data_format"),
    "space_to_depth": _known("nn.space_to_depth", "block_size data_format"),
    "max_pool": _known("nn.max_pool", "ksize strides padding data_format"),
    "max_pool2d": _known("nn.max_pool2d", "ksize strides padding data_format"),
    "avg_pool": _known("nn.avg_pool", "ksize strides padding data_format"),
    "avg_pool2d": _known("nn.avg_pool2d", "ksize strides padding data_format"),
    "lrn": _known("nn.lrn", "depth_radius bias alpha beta"),
    "local_response_normalization": _known("nn.lrn", "depth_radius bias alpha beta"),
    "fake_quant_with_min_max_args": _known(
        "quantization.fake_quant_with_min_max_args", "min max num_bits narrow_range"
    ),
    "fake_quant_with_min_max_vars": _known(
        "quantization.fake_quant_with_min_max_vars", "min max num_bits narrow_range"
    ),
    "fake_quant_with_min_max_vars_per_channel": _known(
        "quantization.fake_quant_with_min_max_vars_per_channel", "min max num_bits narrow_range"
    ),
    "convert_to_tensor": _known("identity"),
    "image.resize": _known("image.resize", "size method preserve_aspect_ratio antialias"),
    "image.resize_images": _known("image.resize_images", "size method align_corners"),
    "image.resize_bilinear": _known("image.resize_bilinear", "size align_corners"),
    "image.resize_nearest_neighbor": _known("image.resize_nearest", "size align_corners"),
    "image.rgb_to_grayscale": _known("image.rgb_to_grayscale"),
    "image.grayscale_to_rgb": _known("image.grayscale_to_rgb"),
    "image.rgb_to_hsv": _known("image.rgb_to_hsv"),
    "image.hsv_to_rgb": _known("image.hsv_to_rgb"),
    "image.per_image_standardization": _known("image.per_image_standardization"),
    "image.flip_left_right": _known("image.flip_left_right"),
    "image.flip_up_down": _known("image.flip_up_down"),
    "image.rot90": _known("image.rot90", "k"),
    "image.central_crop": _known("image.central_crop", "central_fraction"),
    "image.crop_to_bounding_box": _known(
        "image.crop_to_bounding_box", "offset_height offset_width target_height target_width"
    ),
    "image.pad_to_bounding_box": _known(
        "image.pad_to_bounding_box", "offset_height offset_width target_height target_width"
    ),
    "image.resize_with_crop_or_pad": _known(
        "image.resize_with_crop_or_pad", "target_height target_width"
    ),
}

KERAS: dict[str, Known] = (
    COMMON
    | {name.removeprefix("reduce_"): known for name, known in _reductions("reduce_").items()}
    | {
        "std": _known("math.reduce_std", "axis keepdims"),
        "var": _known("math.reduce_variance", "axis keepdims"),
        "logsumexp": _known("math.reduce_logsumexp", "axis keepdims"),
        "cumsum": _known("math.cumsum", "axis"),
        "argmax": _known("math.argmax", "axis", axis=-1),
        "argmin": _known("math.argmin", "axis", axis=-1),
        "reshape": _known("reshape", "shape"),
        "transpose": _known("transpose"),
        "permute_dimensions": _known("transpose", "perm"),
        "reverse": _known("reverse", "axis"),
        "repeat_elements": _known("repeat", "repeats axis"),
        "repeat": _known("repeat_vector", "n"),
        "tile": _known("tile", "multiples"),
        "flatten": _known("flatten"),
        "batch_flatten": _known("batch_flatten"),
        "gather": _known("gather", "indices"),
        "concatenate": _known("concat", "axis", axis=-1),
        "stack": _known("stack", "axis"),
        "one_hot": _known("one_hot", "depth"),
        "dot": _known("dot", "", 2),
        "batch_dot": _known("batch_dot", "axes", 2),
        "relu": _known("keras.relu", "alpha max_value threshold"),
        "elu": _known("keras.elu", "alpha"),
        "softmax": _known("nn.softmax", "axis"),
        "log_softmax": _known("nn.log_softmax", "axis"),
        "gelu": _known("nn.gelu", "approximate"),
        "mish": _known("nn.mish"),
        "exponential": _known("math.exp"),
        "linear": _known("identity"),
        "l2_normalize": _known("math.l2_normalize", "axis"),
        "clip": _known("clip_by_value", "clip_value_min clip_value_max"),
        "bias_add": _known("nn.bias_add", "data_format", 2),
        "switch": _known("where", "", 3),
        "spatial_2d_padding": _known("keras.spatial_2d_padding", "padding data_format"),
        "resize_images": _known(
            "keras.resize_images", "height_factor width_factor data_format interpolation"
        ),
        "pool2d": _known("keras.pool2d", "pool_size strides padding data_format pool_mode"),
    }
)

OPS: dict[str, Known] = (
    COMMON
    | _same("floor_divide mod divide true_divide", "math.", 2)
    | {name.removeprefix("reduce_"): known for name, known in _reductions("reduce_").items()}
    | {
        "absolute": _known("math.abs"),
        "power": _known("math.pow", tensors=2),
        "divide": _known("math.truediv", tensors=2),
        "true_divide": _known("math.truediv", tensors=2),
        "floor_divide": _known("math.floordiv", tensors=2),
        "std": _known("math.reduce_std", "axis keepdims"),
        "var": _known("math.reduce_variance", "axis keepdims"),
        "logsumexp": _known("math.reduce_logsumexp", "axis keepdims"),
        "cumsum": _known("math.cumsum", "axis"),
        "norm": _known("norm", "ord axis keepdims"),
        "reshape": _known("reshape", "shape"),
        "transpose": _known("transpose", "perm"),
        "flip": _known("reverse", "axis"),
        "repeat": _known("repeat", "repeats axis"),
        "concatenate": _known("concat", "axis", axis=0),
        "stack": _known("stack", "axis"),
        "unstack": _list("unstack", "num axis"),
        "moments": _list("nn.moments", "axis keepdims"),
        "matmul": _known("linalg.matmul", "", 2),
        "relu": _known("nn.relu"),
        "elu": _known("keras.elu", "alpha"),
        "leaky_relu": _known("nn.leaky_relu", "alpha"),
        "gelu": _known("nn.gelu", "approximate", approximate=True),
        "softmax": _known("nn.softmax", "axis"),
        "log_softmax": _known("nn.log_softmax", "axis"),
        "clip": _known("clip_by_value", "clip_value_min clip_value_max"),
        "convert_to_tensor": _known("identity"),
    }
)
"""``keras.ops`` of Keras 3."""

SETTINGS = {
    **dict.fromkeys(("dim", "axes", "reduction_indices"), "axis"),
    **dict.fromkeys(("keep_dims",), "keepdims"),
    **dict.fromkeys(("pattern",), "perm"),
    **dict.fromkeys(("newshape", "target_shape"), "shape"),
    **dict.fromkeys(("n", "num_tiles", "repeats"), "multiples"),
    **dict.fromkeys(("rep",), "repeats"),
    **dict.fromkeys(("min_value", "x_min"), "clip_value_min"),
    **dict.fromkeys(("max_value", "x_max"), "clip_value_max"),
    **dict.fromkeys(("negative_slope",), "alpha"),
    **dict.fromkeys(("num_classes",), "depth"),
    **dict.fromkeys(("order",), "ord"),
    **dict.fromkeys(("input_min",), "min"),
}
"""Settings that have several names."""

TENSORS = (
    *(
        "condition",
        "x",
        "input",
        "images",
        "image",
        "tensor",
        "inputs",
        "tensors",
        "a",
        "logits",
        "features",
    ),
    *("input_tensor", "value", "values", "params", "indices", "t", "xs", "reference"),
    *("y", "b", "then_expression", "else_expression", "x1", "x2", "x3", "equation"),
)
"""The names of arguments that are tensors."""

IGNORED = ("name", "seed", "validate_indices", "conjugate")
"""Arguments that change nothing of what is computed."""
