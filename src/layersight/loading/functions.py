"""The functions of TensorFlow and Keras that a formula may call, and what they take.

The same name means different things in TensorFlow, in the backend of Keras and in ``keras.ops``
(``argmax`` without an axis, ``repeat``), so that each has a table of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Known(NamedTuple):
    """What a function computes."""

    operation: str  # the operation
    settings: tuple[str, ...] = ()  # its further arguments in their order
    tensors: int = 1  # how many of the first arguments are tensors
    # Settings that the function does not take and the operation does.
    fixed: tuple[tuple[str, Any], ...] = ()
    kind: str = "tensor"  # what it gives; see :class:`layersight.loading.formulas.Ref`


def _known(operation: str, settings: str = "", tensors: int = 1, **fixed: Any) -> Known:
    return Known(operation, tuple(settings.split()), tensors, tuple(fixed.items()))


def _list(operation: str, settings: str = "") -> Known:
    return Known(operation, tuple(settings.split()), kind="tensors")


def _same(operations: str, prefix: str = "", tensors: int = 1) -> dict[str, Known]:
    return {name: _known(f"{prefix}{name}", tensors=tensors) for name in operations.split()}


def _taking(table: str, prefix: str = "") -> dict[str, Known]:
    """A table of functions that are operations of that name: in each line it and its settings."""
    lines = [line.partition(" ") for line in map(str.strip, table.strip().splitlines())]
    return {name: _known(f"{prefix}{name}", settings) for name, _, settings in lines}


def _reductions(prefix: str) -> dict[str, Known]:
    return {
        f"{prefix}{name}": _known(f"math.reduce_{name}", "axis keepdims")
        for name in ("mean", "sum", "max", "min", "prod", "any", "all")
    }


# What means the same everywhere.
COMMON: dict[str, Known] = {
    **_same(
        "abs square sqrt exp log log1p expm1 sign sin cos tan floor ceil round rsqrt reciprocal "
        "erf negative is_nan is_inf is_finite logical_not sigmoid tanh softplus softsign",
        "math.",
    ),
    **_same("pow maximum minimum add subtract multiply greater less greater_equal", "math.", 2),
    **_same("less_equal equal not_equal logical_and logical_or squared_difference", "math.", 2),
    **_same("relu6 selu silu", "nn."),
    **_same("stop_gradient identity zeros_like ones_like"),
    "isnan": _known("math.is_nan"),
    "isinf": _known("math.is_inf"),
    "swish": _known("nn.silu"),
    **_taking("""
        cast dtype
        expand_dims axis
        squeeze axis
        tile multiples
        einsum
    """),
    "matmul": _known("linalg.matmul", "transpose_a transpose_b", 2),
    "where": _known("where", "", 3),
}

TENSORFLOW: dict[str, Known] = COMMON | {
    **_reductions("reduce_"),
    **_same("divide truediv divide_no_nan floordiv mod", "math.", 2),
    **_taking(
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
    **_taking("""
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
    **_taking(
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
    **_taking(
        """
        fake_quant_with_min_max_args min max num_bits narrow_range
        fake_quant_with_min_max_vars min max num_bits narrow_range
        fake_quant_with_min_max_vars_per_channel min max num_bits narrow_range
        """,
        "quantization.",
    ),
    "div": _known("math.truediv", tensors=2),
    "floormod": _known("math.mod", tensors=2),
    "neg": _known("math.negative"),
    "reduce_euclidean_norm": _known("norm", "axis keepdims"),
    "split": _list("split", "num_or_size_splits axis num"),
    "unstack": _list("unstack", "num axis"),
    "moments": _list("nn.moments", "axis shift keepdims"),
    "tensordot": _known("tensordot", "axes", 2),
    "bias_add": _known("nn.bias_add", "data_format", 2),
    "local_response_normalization": _known("nn.lrn", "depth_radius bias alpha beta"),
    "convert_to_tensor": _known("identity"),
    "image.resize_nearest_neighbor": _known("image.resize_nearest", "size align_corners"),
}

# What the backend of Keras and keras.ops have in common.
_OF_KERAS: dict[str, Known] = (
    COMMON
    | {name.removeprefix("reduce_"): known for name, known in _reductions("reduce_").items()}
    | {
        **_taking("reshape shape\nrepeat repeats axis\nstack axis"),
        **_taking("softmax axis\nlog_softmax axis\ngelu approximate", "nn."),
        "std": _known("math.reduce_std", "axis keepdims"),
        "var": _known("math.reduce_variance", "axis keepdims"),
        "logsumexp": _known("math.reduce_logsumexp", "axis keepdims"),
        "cumsum": _known("math.cumsum", "axis"),
        "elu": _known("keras.elu", "alpha"),
        "clip": _known("clip_by_value", "clip_value_min clip_value_max"),
    }
)

# The backend of Keras.
KERAS: dict[str, Known] = _OF_KERAS | {
    **_taking("transpose\nreverse axis\nflatten\nbatch_flatten\ngather indices\none_hot depth"),
    "argmax": _known("math.argmax", "axis", axis=-1),
    "argmin": _known("math.argmin", "axis", axis=-1),
    "permute_dimensions": _known("transpose", "perm"),
    "repeat_elements": _known("repeat", "repeats axis"),
    "repeat": _known("repeat_vector", "n"),
    "concatenate": _known("concat", "axis", axis=-1),
    "dot": _known("dot", "", 2),
    "batch_dot": _known("batch_dot", "axes", 2),
    "relu": _known("keras.relu", "alpha max_value threshold"),
    "mish": _known("nn.mish"),
    "exponential": _known("math.exp"),
    "linear": _known("identity"),
    "l2_normalize": _known("math.l2_normalize", "axis"),
    "bias_add": _known("nn.bias_add", "data_format", 2),
    "switch": _known("where", "", 3),
    "spatial_2d_padding": _known("keras.spatial_2d_padding", "padding data_format"),
    "resize_images": _known(
        "keras.resize_images", "height_factor width_factor data_format interpolation"
    ),
    "pool2d": _known("keras.pool2d", "pool_size strides padding data_format pool_mode"),
}

# ``keras.ops`` of Keras 3.
OPS: dict[str, Known] = _OF_KERAS | {
    **_same("mod", "math.", 2),
    **_taking("norm ord axis keepdims\ntranspose perm"),
    **_taking("relu\nleaky_relu alpha", "nn."),
    "absolute": _known("math.abs"),
    "power": _known("math.pow", tensors=2),
    "divide": _known("math.truediv", tensors=2),
    "true_divide": _known("math.truediv", tensors=2),
    "floor_divide": _known("math.floordiv", tensors=2),
    "flip": _known("reverse", "axis"),
    "concatenate": _known("concat", "axis", axis=0),
    "unstack": _list("unstack", "num axis"),
    "moments": _list("nn.moments", "axis keepdims"),
    "matmul": _known("linalg.matmul", "", 2),
    "gelu": _known("nn.gelu", "approximate", approximate=True),
    "convert_to_tensor": _known("identity"),
}

# Settings that have several names.
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

# Arguments that change nothing of what is computed.
IGNORED = ("name", "seed", "validate_indices", "conjugate")
