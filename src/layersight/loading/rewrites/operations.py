"""Operations of TensorFlow that stand in a graph as layers of their own.

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
from layersight.loading.rewrites.walking import each_layer, each_tensor, name_of, settings_of

CALL = "TensorFlowCall"

OF_NODE = {
    "AddV2": "math.add",
    "Add": "math.add",
    "BiasAdd": "math.add",
    "Sub": "math.subtract",
    "Mul": "math.multiply",
    "RealDiv": "math.truediv",
    "Div": "math.truediv",
    "Pow": "math.pow",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    "Neg": "math.negative",
    "Abs": "math.abs",
    "Exp": "math.exp",
    "Log": "math.log",
    "Sqrt": "math.sqrt",
    "Rsqrt": "math.rsqrt",
    "Square": "math.square",
    "SquaredDifference": "math.squared_difference",
    "Relu": "nn.relu",
    "Relu6": "nn.relu6",
    "Elu": "nn.elu",
    "Selu": "nn.selu",
    "Sigmoid": "math.sigmoid",
    "Tanh": "math.tanh",
    "Softmax": "nn.softmax",
    "Softplus": "math.softplus",
    "LeakyRelu": "nn.leaky_relu",
    "DepthToSpace": "nn.depth_to_space",
    "SpaceToDepth": "nn.space_to_depth",
    "Reshape": "reshape",
    "Transpose": "transpose",
    "ExpandDims": "expand_dims",
    "Squeeze": "squeeze",
    "Mean": "math.reduce_mean",
    "Sum": "math.reduce_sum",
    "Max": "math.reduce_max",
    "Min": "math.reduce_min",
    "ConcatV2": "concat",
    "Pad": "pad",
    "PadV2": "pad",
    "MirrorPad": "pad",
    "Identity": "identity",
    "Cast": "cast",
    "ResizeBilinear": "image.resize_bilinear",
    "ResizeNearestNeighbor": "image.resize_nearest",
    "ClipByValue": "clip_by_value",
    "MatMul": "linalg.matmul",
    "StridedSlice": "strided_slice",
}
"""The operations of TensorFlow's graph under the names of its functions."""

ATTRIBUTES = {
    "block_size": "block_size",
    "keep_dims": "keepdims",
    "squeeze_dims": "axis",
    "alpha": "alpha",
    "data_format": "data_format",
    "align_corners": "align_corners",
    "half_pixel_centers": "half_pixel_centers",
    "mode": "mode",
    "transpose_a": "transpose_a",
    "transpose_b": "transpose_b",
    "begin_mask": "begin_mask",
    "end_mask": "end_mask",
    "ellipsis_mask": "ellipsis_mask",
    "new_axis_mask": "new_axis_mask",
    "shrink_axis_mask": "shrink_axis_mask",
    "DstT": "dtype",
}
"""The settings of a node that change what it computes, as the functions call them."""


WITHOUT_MEANING = ("name", "conjugate", "reuse", "validate_shape")
"""Arguments that change nothing of what is computed here."""


def name_operations(config: Config) -> int:
    """A ``TFOpLambda`` or ``SlicingOpLambda`` (tf.keras 2.4 to 2.15)."""
    count = 0
    for layer in each_layer(config):
        if layer.get("class_name") not in ("TFOpLambda", "SlicingOpLambda"):
            continue
        function = settings_of(layer).get("function")
        layer["class_name"] = CALL
        arguments: Config = {}
        constants: list[Any] = []
        for node in layer.get("inbound_nodes") or []:
            if isinstance(node, dict) and isinstance(node.get("kwargs"), dict):
                tensors = {k: v for k, v in node["kwargs"].items() if any(each_tensor(v))}
                arguments |= {k: v for k, v in node["kwargs"].items() if k not in tensors}
                node["kwargs"] = tensors
                constants += _lead_with_tensor(node)
        layer["config"] = {
            "name": name_of(layer),
            "function": function if isinstance(function, str) else "unknown",
            "arguments": {k: v for k, v in arguments.items() if k not in WITHOUT_MEANING},
            "constants": constants,
        }
        count += 1
    return count


def name_graph_nodes(config: Config) -> int:
    """A ``TensorFlowOpLayer`` (tf.keras up to 2.3)."""
    count = 0
    for layer in each_layer(config):
        if layer.get("class_name") != "TensorFlowOpLayer":
            continue
        inner = settings_of(layer)
        node = _node(inner.get("node_def"))
        operation = str(node.get("op"))
        settings = _settings(node.get("attr"))
        constants = inner.get("constants")
        layer["class_name"] = CALL
        layer["config"] = {
            "name": name_of(layer),
            "function": OF_NODE.get(operation, operation),
            "arguments": settings,
            "constants": _constants(constants),
        }
        for entry in layer.get("inbound_nodes") or []:
            if isinstance(entry, dict):
                args = entry.get("args") or []
                spread = args[0] if args and isinstance(args[0], list) else args
                entry["args"], entry["kwargs"] = list(spread), {}
        count += 1
    return count


def _lead_with_tensor(node: Config) -> list[Any]:
    """Where a number comes first, as in ``1 - x``: the tensor leads, the number has a place."""
    args, kwargs = node["args"], node["kwargs"]
    if len(args) != 1 or any(each_tensor(args)) or len(kwargs) != 1:
        return []
    node["args"], node["kwargs"] = list(kwargs.values()), {}
    return [[0, args[0]]]


def _constants(constants: Any) -> list[Any]:
    """The constants of a node with their places among its tensors, in order."""
    if not isinstance(constants, dict):
        return []
    places = {int(place): value for place, value in constants.items() if place.isdigit()}
    return [[place, places[place]] for place in sorted(places)]


def _node(value: Any) -> Config:
    """The node as a mapping; some versions wrote it as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _settings(attributes: Any) -> Config:
    """The settings of a node that change what it computes, as plain values."""
    found: Config = {}
    if not isinstance(attributes, dict):
        return found
    for key, value in attributes.items():
        name = ATTRIBUTES.get(key)
        if name is not None and isinstance(value, dict) and value:
            plain = _plain(*next(iter(value.items())))
            if plain is not None:
                found[name] = plain
    return found


def _plain(kind: str, value: Any) -> Any:
    """One value of a node: an integer, a number, a flag, text or a list of integers."""
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
