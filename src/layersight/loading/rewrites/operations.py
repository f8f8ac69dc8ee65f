"""Operations of TensorFlow that are layers of their own in a graph.

tf.keras wrote ``x / 255`` or ``tf.reshape(x, ...)`` in a functional model as a
``TFOpLambda``, a ``SlicingOpLambda`` or, before 2.4, a ``TensorFlowOpLayer`` with a node of
TensorFlow's graph. All become a ``TensorFlowCall`` that names the operation.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from layersight.data.saved import Config
from layersight.loading.rewrites.walking import each_tensor, layer_rewrite, name_of

# Operations of TensorFlow's graph, and the functions of TensorFlow that compute them.
OF_NODE = {
    **dict.fromkeys(("Add", "AddV2", "BiasAdd"), "math.add"),
    **dict.fromkeys(("RealDiv", "Div"), "math.truediv"),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), "pad"),
    **{
        name: f"math.{name.lower()}"
        for name in ("Pow", "Maximum", "Minimum", "Abs", "Exp", "Log", "Sqrt", "Rsqrt", "Square")
    },
    **{name: f"math.{name.lower()}" for name in ("Sigmoid", "Tanh", "Softplus")},
    **{name: f"nn.{name.lower()}" for name in ("Relu", "Relu6", "Elu", "Selu", "Softmax")},
    **{name: f"math.reduce_{name.lower()}" for name in ("Mean", "Sum", "Max", "Min")},
    **{name: name.lower() for name in ("Reshape", "Transpose", "Squeeze", "Identity", "Cast")},
    "Sub": "math.subtract",
    "Mul": "math.multiply",
    "Neg": "math.negative",
    "SquaredDifference": "math.squared_difference",
    "LeakyRelu": "nn.leaky_relu",
    "DepthToSpace": "nn.depth_to_space",
    "SpaceToDepth": "nn.space_to_depth",
    "ExpandDims": "expand_dims",
    "ConcatV2": "concat",
    "ResizeBilinear": "image.resize_bilinear",
    "ResizeNearestNeighbor": "image.resize_nearest",
    "ClipByValue": "clip_by_value",
    "MatMul": "linalg.matmul",
    "StridedSlice": "strided_slice",
}

# Settings of a node that change what it computes, and the arguments of the functions for them.
ATTRIBUTES = {
    **{
        name: name
        for name in (
            *("block_size", "alpha", "data_format", "align_corners", "half_pixel_centers"),
            *("mode", "transpose_a", "transpose_b", "begin_mask", "end_mask", "ellipsis_mask"),
            *("new_axis_mask", "shrink_axis_mask"),
        )
    },
    "keep_dims": "keepdims",
    "squeeze_dims": "axis",
    "DstT": "dtype",
}

# Arguments that do not change the result here.
IGNORED = ("name", "conjugate", "reuse", "validate_shape")


@layer_rewrite(
    "tensorflow-operation",
    "operations of TensorFlow were replaced by layers that compute them",
    of=("TFOpLambda", "SlicingOpLambda"),
)
def name_operations(layer: Config, settings: Config) -> bool:
    """A `TFOpLambda` or `SlicingOpLambda` (tf.keras 2.4 to 2.15)."""
    arguments: Config = {}
    constants: list[Any] = []
    for node in layer.get("inbound_nodes") or []:
        if isinstance(node, dict) and isinstance(node.get("kwargs"), dict):
            tensors = {k: v for k, v in node["kwargs"].items() if any(each_tensor(v))}
            arguments |= {k: v for k, v in node["kwargs"].items() if k not in tensors}
            node["kwargs"] = tensors
            constants += _lead_with_tensor(node)
    arguments = {k: v for k, v in arguments.items() if k not in IGNORED}
    function = settings.get("function")
    _call(layer, function if isinstance(function, str) else "unknown", arguments, constants)
    return True


@layer_rewrite(
    "tensorflow-node",
    "nodes of a TensorFlow graph were replaced by layers that compute them",
    of=("TensorFlowOpLayer",),
)
def name_graph_nodes(layer: Config, settings: Config) -> bool:
    """A `TensorFlowOpLayer` (tf.keras up to 2.3)."""
    node = _node(settings.get("node_def"))
    operation = str(node.get("op"))
    constants = _constants(settings.get("constants"))
    _call(layer, OF_NODE.get(operation, operation), _settings(node.get("attr")), constants)
    for entry in layer.get("inbound_nodes") or []:
        if isinstance(entry, dict):
            args = entry.get("args") or []
            spread = args[0] if args and isinstance(args[0], list) else args
            entry["args"], entry["kwargs"] = list(spread), {}
    return True


def _call(layer: Config, function: str, arguments: Config, constants: list[Any]) -> None:
    settings = {"name": name_of(layer), "function": function}
    layer["class_name"] = "TensorFlowCall"
    layer["config"] = {**settings, "arguments": arguments, "constants": constants}


def _lead_with_tensor(node: Config) -> list[Any]:
    """Moves the tensor to the front where a number comes first, as in ``1 - x``.

    Returns the number with its index among the arguments.
    """
    args, kwargs = node["args"], node["kwargs"]
    if len(args) != 1 or any(each_tensor(args)) or len(kwargs) != 1:
        return []
    node["args"], node["kwargs"] = list(kwargs.values()), {}
    return [[0, args[0]]]


def _constants(constants: Any) -> list[Any]:
    """The constants of a node with their indices among its tensors, in order."""
    if not isinstance(constants, dict):
        return []
    numbered = {int(index): value for index, value in constants.items() if index.isdigit()}
    return [[index, numbered[index]] for index in sorted(numbered)]


def _node(value: Any) -> Config:
    """A node as a mapping; some versions wrote it as a string."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _settings(attributes: Any) -> Config:
    """The settings of a node that change what it computes, as plain values."""
    settings: Config = {}
    if not isinstance(attributes, dict):
        return settings
    for key, value in attributes.items():
        name = ATTRIBUTES.get(key)
        if name is not None and isinstance(value, dict) and value:
            setting = _plain(*next(iter(value.items())))
            if setting is not None:
                settings[name] = setting
    return settings


def _plain(kind: str, value: Any) -> Any:
    """A value of a node: an integer, a number, a flag, a string or a list of integers."""
    try:
        if kind == "i":
            return int(value)
        if kind in ("f", "b"):
            return value
        if kind == "s":
            return base64.b64decode(value, validate=True).decode("ascii")
        if kind == "type":
            return str(value).removeprefix("DT_").lower()
        if kind == "list" and isinstance(value, dict) and "i" in value:
            return [int(item) for item in value["i"]]
    except (TypeError, ValueError, binascii.Error):
        return None
    return None
