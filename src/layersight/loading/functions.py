"""The functions of TensorFlow and Keras that a formula may call, and what they take.

A name can mean different things in TensorFlow, in the backend of Keras and in ``keras.ops``
(``argmax`` without an axis, ``repeat``), so each has a separate table.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Operation(NamedTuple):
    """What a function computes."""

    name: str
    settings: tuple[str, ...] = ()  # its further arguments in their order
    tensors: int = 1  # how many of the first arguments are tensors
    # Settings that the operation takes and the function does not.
    fixed: tuple[tuple[str, Any], ...] = ()
    kind: str = "tensor"  # of the result; see :class:`layersight.loading.formulas.Ref`


def _operation(name: str, settings: str = "", tensors: int = 1, **fixed: Any) -> Operation:
    return Operation(name, tuple(settings.split()), tensors, tuple(fixed.items()))


def _list(name: str, settings: str = "") -> Operation:
    return Operation(name, tuple(settings.split()), kind="tensors")


def _named(functions: str, prefix: str = "", tensors: int = 1) -> dict[str, Operation]:
    """Functions without settings that are operations of the same name."""
    return {name: _operation(f"{prefix}{name}", tensors=tensors) for name in functions.split()}


def _table(table: str, prefix: str = "") -> dict[str, Operation]:
    """Functions that are operations of the same name: a line for each, with its settings."""
    lines = [line.partition(" ") for line in map(str.strip, table.strip().splitlines())]
    return {name: _operation(f"{prefix}{name}", settings) for name, _, settings in lines}


def _reductions(prefix: str) -> dict[str, Operation]:
    return {
        f"{prefix}{name}": _operation(f"math.reduce_{name}", "axis keepdims")
        for name in ("mean", "sum", "max", "min", "prod", "any", "all")
    }


# Functions that are the same everywhere.
COMMON: dict[str, Operation] = {
    **_named(
        "abs square sqrt exp log log1p expm1 sign sin cos tan floor ceil round rsqrt reciprocal "
        "erf negative is_nan is_inf is_finite logical_not sigmoid tanh softplus softsign",
        "math.",
    ),
    **_named("pow maximum minimum add subtract multiply greater less greater_equal", "math.", 2),
    **_named("less_equal equal not_equal logical_and logical_or squared_difference", "math.", 2),
    **_named("relu6 selu silu", "nn."),
    **_named("stop_gradient identity zeros_like ones_like"),
    "isnan": _operation("math.is_nan"),
    "isinf": _operation("math.is_inf"),
    "swish": _operation("nn.silu"),
    **_table("""
        cast dtype
        expand_dims axis
        squeeze axis
        tile multiples
        einsum
    """),
    "matmul": _operation("linalg.matmul", "transpose_a transpose_b", 2),
    "where": _operation("where", "", 3),
}

TENSORFLOW: dict[str, Operation] = COMMON | {
    **_reductions("reduce_"),
    **_named("divide truediv divide_no_nan floordiv mod", "math.", 2),
    **_table(
        """
        reduce_std axis keepdims
        reduce_variance axis keepdims
        reduce_logsumexp axis keepdims
        cumsum axis
        argmax axis output_type
        argmin axis output_type
        add_n
        l2_normalize axis epsilon
        """,
        "math.",
    ),
    **_table("""
        norm ord axis keepdims
        reshape shape
        transpose perm
        reverse axis
        slice begin size
        strided_slice begin end strides
        gather indices validate_indices axis batch_dims
        pad paddings mode constant_values
        repeat repeats axis
        concat axis
        stack axis
        one_hot depth on_value off_value axis dtype
        clip_by_value clip_value_min clip_value_max
        image.resize size method preserve_aspect_ratio antialias
        image.resize_images size method align_corners
        image.resize_bilinear size align_corners
        image.rgb_to_grayscale
        image.grayscale_to_rgb
        image.rgb_to_hsv
        image.hsv_to_rgb
        image.per_image_standardization
        image.flip_left_right
        image.flip_up_down
        image.rot90 k
        image.central_crop central_fraction
        image.crop_to_bounding_box offset_height offset_width target_height target_width
        image.pad_to_bounding_box offset_height offset_width target_height target_width
        image.resize_with_crop_or_pad target_height target_width
    """),
    **_table(
        """
        relu
        crelu axis
        elu
        leaky_relu alpha
        gelu approximate
        softmax axis
        log_softmax axis
        depth_to_space block_size data_format
        space_to_depth block_size data_format
        max_pool ksize strides padding data_format
        max_pool2d ksize strides padding data_format
        avg_pool ksize strides padding data_format
        avg_pool2d ksize strides padding data_format
        lrn depth_radius bias alpha beta
        """,
        "nn.",
    ),
    **_table(
        """
        fake_quant_with_min_max_args min max num_bits narrow_range
        fake_quant_with_min_max_vars min max num_bits narrow_range
        fake_quant_with_min_max_vars_per_channel min max num_bits narrow_range
        """,
        "quantization.",
    ),
    "div": _operation("math.truediv", tensors=2),
    "floormod": _operation("math.mod", tensors=2),
    "neg": _operation("math.negative"),
    "reduce_euclidean_norm": _operation("norm", "axis keepdims"),
    "split": _list("split", "num_or_size_splits axis num"),
    "unstack": _list("unstack", "num axis"),
    "moments": _list("nn.moments", "axis shift keepdims"),
    "tensordot": _operation("tensordot", "axes", 2),
    "bias_add": _operation("nn.bias_add", "data_format", 2),
    "local_response_normalization": _operation("nn.lrn", "depth_radius bias alpha beta"),
    "convert_to_tensor": _operation("identity"),
    "image.resize_nearest_neighbor": _operation("image.resize_nearest", "size align_corners"),
}

# What the backend of Keras and keras.ops have in common.
_OF_KERAS: dict[str, Operation] = (
    COMMON
    | {name.removeprefix("reduce_"): each for name, each in _reductions("reduce_").items()}
    | {
        **_table("reshape shape\nrepeat repeats axis\nstack axis"),
        **_table("softmax axis\nlog_softmax axis\ngelu approximate", "nn."),
        "std": _operation("math.reduce_std", "axis keepdims"),
        "var": _operation("math.reduce_variance", "axis keepdims"),
        "logsumexp": _operation("math.reduce_logsumexp", "axis keepdims"),
        "cumsum": _operation("math.cumsum", "axis"),
        "elu": _operation("keras.elu", "alpha"),
        "clip": _operation("clip_by_value", "clip_value_min clip_value_max"),
    }
)

# The backend of Keras.
KERAS: dict[str, Operation] = _OF_KERAS | {
    **_table("transpose\nreverse axis\nflatten\nbatch_flatten\ngather indices\none_hot depth"),
    "argmax": _operation("math.argmax", "axis", axis=-1),
    "argmin": _operation("math.argmin", "axis", axis=-1),
    "permute_dimensions": _operation("transpose", "perm"),
    "repeat_elements": _operation("repeat", "repeats axis"),
    "repeat": _operation("repeat_vector", "n"),
    "concatenate": _operation("concat", "axis", axis=-1),
    "dot": _operation("dot", "", 2),
    "batch_dot": _operation("batch_dot", "axes", 2),
    "relu": _operation("keras.relu", "alpha max_value threshold"),
    "mish": _operation("nn.mish"),
    "exponential": _operation("math.exp"),
    "linear": _operation("identity"),
    "l2_normalize": _operation("math.l2_normalize", "axis"),
    "bias_add": _operation("nn.bias_add", "data_format", 2),
    "switch": _operation("where", "", 3),
    "spatial_2d_padding": _operation("keras.spatial_2d_padding", "padding data_format"),
    "resize_images": _operation(
        "keras.resize_images", "height_factor width_factor data_format interpolation"
    ),
    "pool2d": _operation("keras.pool2d", "pool_size strides padding data_format pool_mode"),
}

# ``keras.ops`` of Keras 3.
OPS: dict[str, Operation] = _OF_KERAS | {
    **_named("mod", "math.", 2),
    **_table("norm ord axis keepdims\ntranspose perm"),
    **_table("relu\nleaky_relu alpha", "nn."),
    "absolute": _operation("math.abs"),
    "power": _operation("math.pow", tensors=2),
    "divide": _operation("math.truediv", tensors=2),
    "true_divide": _operation("math.truediv", tensors=2),
    "floor_divide": _operation("math.floordiv", tensors=2),
    "flip": _operation("reverse", "axis"),
    "concatenate": _operation("concat", "axis", axis=0),
    "unstack": _list("unstack", "num axis"),
    "moments": _list("nn.moments", "axis keepdims"),
    "matmul": _operation("linalg.matmul", "", 2),
    "gelu": _operation("nn.gelu", "approximate", approximate=True),
    "convert_to_tensor": _operation("identity"),
}

# Further names of settings.
SETTINGS = {
    **dict.fromkeys(("dim", "axes", "reduction_indices"), "axis"),
    **dict.fromkeys(("newshape", "target_shape"), "shape"),
    **dict.fromkeys(("n", "num_tiles", "repeats"), "multiples"),
    **dict.fromkeys(("min_value", "x_min"), "clip_value_min"),
    **dict.fromkeys(("max_value", "x_max"), "clip_value_max"),
    "keep_dims": "keepdims",
    "pattern": "perm",
    "rep": "repeats",
    "negative_slope": "alpha",
    "num_classes": "depth",
    "order": "ord",
    "input_min": "min",
}

# The names of arguments that are tensors.
TENSORS = (
    *("condition", "x", "input", "images", "image", "tensor", "inputs", "tensors", "a", "logits"),
    *("features", "input_tensor", "value", "values", "params", "indices", "t", "xs", "reference"),
    *("y", "b", "then_expression", "else_expression", "x1", "x2", "x3", "equation"),
)

# Arguments that do not change the result.
IGNORED = ("name", "seed", "validate_indices", "conjugate")
